"""只闻声不见面: who complained cannot be read without the city's secret key, and with it always."""

import base64
import hashlib

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from infra.ledger.seal import WrongKey, opened, sealed
from infra.settings import Settings, settings

PERSON = {"name": "王小明", "phone": "0532-8888", "email": ""}


def test_what_was_sealed_is_read_again_and_cannot_be_read_as_it_is():
    kept = sealed(PERSON)
    assert opened(kept) == PERSON
    assert "王小明".encode() not in kept
    assert b"8888" not in kept


def test_the_same_person_twice_cannot_be_told_to_be_the_same():
    assert sealed(PERSON) != sealed(PERSON)


def test_what_was_sealed_before_november_2026_is_still_read():
    key = hashlib.sha256(f"minsheng.seal.{settings().secret}".encode()).digest()
    assert opened(Fernet(base64.urlsafe_b64encode(key)).encrypt(b'{"name": "old"}')) == {"name": "old"}


@pytest.mark.parametrize("place", [0, 1, 12, 13, -1])
def test_a_changed_byte_is_noticed(place: int):
    kept = bytearray(sealed(PERSON))
    kept[place] ^= 0x40
    with pytest.raises(WrongKey, match="MINSHENG_SECRET_KEY"):
        opened(bytes(kept))


@pytest.mark.parametrize("length", [0, 1, 13, 28])
def test_what_was_cut_off_is_noticed(length: int):
    with pytest.raises(WrongKey):
        opened(sealed(PERSON)[:length])


def test_another_key_opens_nothing(monkeypatch: pytest.MonkeyPatch):
    kept = sealed(PERSON)
    other = Settings(secret_key=SecretStr("another key, and long enough to be accepted"))
    monkeypatch.setattr("infra.ledger.seal.settings", lambda: other)
    with pytest.raises(WrongKey):
        opened(kept)
