"""及时反馈: real conversations with a mail server in every mood; "again later" and "never" are told apart."""

from __future__ import annotations

import asyncio
import socket
import ssl
from email.message import Message
from pathlib import Path

import pytest
import uvloop

from infra.mail import smtp
from infra.mail.letters import Composed
from infra.mail.message import Envelope, message, message_id, thread_root
from infra.mail.smtp import Mailer, Refused, TryLater, Unreachable
from infra.mistakes import Mistake
from tests.infra.fake_outbox import FakeOutbox
from tests.infra.mail_server import certificate, mail_server

SENDER = "minsheng@minsheng.example"
COMPOSED = Composed("【民声】QD1 主题", "正文\n", "<p>正文</p>\n")


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy], ids=["plain", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """Our own worker has the one, Prefect's plain command the other."""
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


def letter(nth: int = 0):
    outbox = FakeOutbox()
    outbox.open()
    return list(outbox.rows.values())[nth]


def mail(to: str = "a@b.example", text: str = "正文\n") -> Message:
    return message(Composed("【民声】主题", text, "<p>文</p>"), letter(), Envelope(sender=SENDER, to=to))


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


async def test_a_letter_arrives_whole():
    async with mail_server() as server:
        mailer = Mailer(server.url)
        await mailer.send(mail(text="一行\n.点开头\n" + "长" * 5000 + "\n"))
        await mailer.close()
    got = server.mails[0]
    assert got["Subject"] == "【民声】主题"
    assert got.get_body(("plain",)).get_content().replace("\r\n", "\n") == "一行\n.点开头\n" + "长" * 5000 + "\n"
    assert got.get_body(("html",)).get_content().strip() == "<p>文</p>"
    assert got["Auto-Submitted"] == "auto-generated"
    assert str(got["From"]) == f"民声 Minsheng <{SENDER}>"


async def test_connections_are_kept_and_few():
    async with mail_server() as server:
        mailer = Mailer(server.url, size=2)
        for _ in range(3):
            await mailer.send(mail())
        assert server.connections == 1
        await asyncio.gather(*(mailer.send(mail()) for _ in range(20)))
        assert server.connections <= 2
        await mailer.close()
    assert len(server.mails) == 23


@pytest.mark.parametrize(
    ("reply", "kind"),
    [("451 greylisted", TryLater), ("450 busy", TryLater), ("550 no such user", Refused), ("552 full", Refused)],
)
async def test_a_refused_recipient_is_final_or_not_by_its_own_code(reply: str, kind: type):
    async with mail_server(answers={"b@b.example": reply}) as server:
        mailer = Mailer(server.url)
        with pytest.raises(kind, match=reply[4:]) as fault:
            await mailer.send(mail("b@b.example"))
        assert type(fault.value) is kind
        await mailer.send(mail("a@b.example"))  # the connection goes on
        assert server.connections == 1
        await mailer.close()


@pytest.mark.parametrize(("reply", "kind"), [("554 spam", Refused), ("451 disk full", TryLater)])
async def test_a_refused_content_is_final_or_not(reply: str, kind: type):
    async with mail_server(on_data=reply) as server:
        with pytest.raises(kind) as fault:
            await Mailer(server.url).send(mail())
    assert type(fault.value) is kind


async def test_a_server_that_refuses_our_own_address_does_not_cost_the_letters():
    async with mail_server(on_sender="550 not you") as server:
        with pytest.raises(TryLater, match="our own address"):
            await Mailer(server.url).send(mail())


async def test_421_is_about_the_connection():
    async with mail_server(answers={"a@b.example": "421 closing"}) as server:
        with pytest.raises(Unreachable):
            await Mailer(server.url).send(mail())


async def test_nobody_there():
    with pytest.raises(Unreachable, match="no connection"):
        await Mailer(f"smtp://127.0.0.1:{closed_port()}").send(mail())


async def test_a_server_that_hung_up_on_the_idle_connection_gets_the_letter_over_a_new_one(monkeypatch):
    async with mail_server() as server:
        mailer = Mailer(server.url)
        await mailer.send(mail())
        server.hang_up()
        await asyncio.sleep(0.05)
        await mailer.send(mail())
        monkeypatch.setattr(smtp, "IDLE_SECONDS", 0)
        server.hang_up()
        await mailer.send(mail())
        await mailer.close()
    assert len(server.mails) == 3


async def test_a_server_that_takes_one_letter_per_connection():
    async with mail_server(hangs_up_after=1) as server:
        mailer = Mailer(server.url, size=1)
        for _ in range(5):
            await mailer.send(mail())
            await asyncio.sleep(0.03)
        await mailer.close()
    assert len(server.mails) == 5


async def test_a_slow_server_is_left_in_time(monkeypatch):
    monkeypatch.setattr(smtp, "LETTER_SECONDS", 0.2)
    async with mail_server(dawdles=5) as server:
        mailer = Mailer(server.url)
        with pytest.raises(Unreachable, match=r"more than 0\.2 s"):
            await mailer.send(mail())
        server.dawdles = 0
        await mailer.send(mail())
        assert server.connections == 2  # nobody knows what the first would have said next
        await mailer.close()


async def test_a_silent_command_ends_by_its_own_limit(monkeypatch):
    monkeypatch.setattr(smtp, "COMMAND_SECONDS", 0.2)
    async with mail_server(dawdles=5) as server:
        with pytest.raises(Unreachable):
            await Mailer(server.url).send(mail())


async def test_starttls_with_sign_in(tmp_path: Path):
    for_server, for_client = certificate(tmp_path)
    async with mail_server(tls=for_server, password="p@ss:word") as server:
        url = f"smtp+starttls://m:p%40ss%3Aword@127.0.0.1:{server.port}"
        mailer = Mailer(url, tls=for_client)
        await mailer.send(mail())
        await mailer.close()
        with pytest.raises(Unreachable):  # a wrong password is the operator's to mend; the letters wait
            await Mailer(url.replace("word", "wrong"), tls=for_client).send(mail())
    assert len(server.mails) == 1


async def test_tls_from_the_first_byte(tmp_path: Path):
    for_server, for_client = certificate(tmp_path)
    async with mail_server(tls=for_server, wrapped=True) as server:
        mailer = Mailer(f"smtps://127.0.0.1:{server.port}", tls=for_client)
        await mailer.send(mail())
        await mailer.close()
    assert len(server.mails) == 1


async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path):
    for_server, _ = certificate(tmp_path)
    async with mail_server(tls=for_server) as server:
        with pytest.raises(Unreachable):
            await Mailer(f"smtp+starttls://127.0.0.1:{server.port}", tls=ssl.create_default_context()).send(mail())
    assert server.mails == []


async def test_starttls_is_not_given_up_silently():
    async with mail_server() as server:
        with pytest.raises((Unreachable, Refused)):
            await Mailer(f"smtp+starttls://127.0.0.1:{server.port}").send(mail())
    assert server.mails == []


@pytest.mark.parametrize("url", ["http://a.example", "smtp://", "localhost:25", ""])
def test_a_wrong_address_of_the_server_is_said_in_one_sentence(url: str):
    with pytest.raises(Mistake, match="MINSHENG_SMTP_URL"):
        Mailer(url)


async def test_an_address_in_chinese_letters():
    async with mail_server() as server:
        mailer = Mailer(server.url)
        await mailer.send(mail("王女士@例子.example"))
        await mailer.close()
    assert server.recipients == ["王女士@例子.example"]


@pytest.mark.parametrize("name", ["王女士", 'O"Neil, Bob', "a@b.example <x@y.example>", "=?utf-8?b?eA==?="])
@pytest.mark.parametrize("to", ["a@b.example", "王女士@例子.example"])
async def test_a_name_is_never_taken_for_an_address(name: str, to: str):
    envelope = Envelope(sender=SENDER, to=to, to_name=name)
    async with mail_server() as server:
        mailer = Mailer(server.url)
        await mailer.send(message(COMPOSED, letter(), envelope))
        await mailer.close()
    assert server.recipients == [to]
    (got,) = server.mails[0]["To"].addresses
    assert got.display_name == name


@pytest.mark.parametrize(
    "to",
    ["", "nobody", "@b.c", "a@", "a b@c.d", "a@b.c\r\nBcc: x@y.z", "a@b.c, d@e.f", "<a@b.c>", "a@b@c.d"],
)
def test_what_is_no_address_never_reaches_an_envelope(to: str):
    with pytest.raises(ValueError):
        mail(to)


def test_no_line_break_gets_into_a_header():
    with pytest.raises(ValueError):
        message(Composed("a\r\nBcc: x@y.example", "t", "h"), letter(), Envelope(sender=SENDER, to="a@b.example"))


def test_a_repeat_is_recognisable_and_a_case_is_one_thread():
    outbox = FakeOutbox()
    outbox.open()
    outbox.act("add_information", "citizen-1", text="补充")
    tasks = [row for row in outbox.rows.values() if row.to == "shinan-ecology"]
    entries = outbox._entries[tasks[0].number]
    assert [row.letter for row in tasks] == ["lead_task", "information_added"]
    root = thread_root(tasks[1], entries, SENDER)
    envelope = Envelope(sender=SENDER, to="a@b.example", to_name="市南区", reply_to="desk@b.example")
    first, again, second = (message(COMPOSED, row, envelope, root=root) for row in (tasks[0], tasks[0], tasks[1]))
    assert first["Message-ID"] == again["Message-ID"] == root == message_id(tasks[0].key, SENDER)
    assert first["References"] is None
    assert second["In-Reply-To"] == second["References"] == root
    assert second["Message-ID"] != root
    assert second["X-Minsheng-Number"] == tasks[1].number
    assert str(second["Reply-To"]) == "desk@b.example"
