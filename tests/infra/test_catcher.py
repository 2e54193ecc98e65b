"""只闻声不见面: every mail is caught, kept over a restart, and shown so that it can do no harm."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import aiosmtplib
import httpx
import pytest

from infra.mail import catcher
from infra.mail.catcher import create_pages
from infra.mail.courier import Courier
from infra.mail.mailbox import Mailbox, read
from infra.mail.smtp import Mailer
from infra.mistakes import Mistake
from infra.settings import ROOT, Settings
from tests.infra.fake_outbox import CITIZEN_MAIL, NUMBER, FakeOutbox
from tests.infra.test_mailer import closed_port


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    return Mailbox(tmp_path / "mailbox")


@pytest.fixture
async def pages(mailbox: Mailbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_pages(mailbox, locale="zh_CN"))
    async with httpx.AsyncClient(transport=transport, base_url="http://mailbox") as client:
        yield client


HTML = "<html><head></head><p>文</p></html>"


def mail(subject: str = "【民声】QD1 主题", to: str = "a@b.example", html: str = HTML) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = "民声 <m@b.example>", f"市南区 <{to}>", subject
    made["Date"] = datetime(2026, 11, 23, 2, tzinfo=UTC)
    made["X-Minsheng-Number"] = "QD1"
    made.set_content("正文\nhttp://127.0.0.1:8080/task/abc\n")
    made.add_alternative(html, subtype="html")
    return bytes(made)


def keep(mailbox: Mailbox, *mails: bytes) -> list[int]:
    return [mailbox.keep("m@b.example", ["a@b.example"], content) for content in mails]


async def test_programs_read_every_mail_decoded_and_oldest_first(mailbox: Mailbox, pages: httpx.AsyncClient):
    assert keep(mailbox, mail(), mail("二")) == [1, 2]
    first, second = (await pages.get("/mailbox.json")).json()
    assert list(first) == ["id", "from", "to", "subject", "date", "headers", "text", "html"]
    assert (first["id"], first["from"], first["to"]) == (1, "m@b.example", "a@b.example")
    assert first["subject"] == "【民声】QD1 主题"
    assert first["date"] == "2026-11-23T02:00:00+00:00"
    assert first["text"] == "正文\nhttp://127.0.0.1:8080/task/abc\n"
    assert "<p>文</p>" in first["html"]
    assert first["headers"]["To"] == "市南区 <a@b.example>"
    assert second["subject"] == "二"
    assert [m["id"] for m in (await pages.get("/mailbox.json?since=1")).json()] == [2]
    assert (await pages.get("/mailbox.json?since=2")).json() == []


async def test_a_restart_loses_nothing_and_numbers_go_on(mailbox: Mailbox, tmp_path: Path):
    keep(mailbox, mail("一"), mail("二"))
    (tmp_path / "mailbox" / "00000003.new").write_bytes(b"half a mail")
    again = Mailbox(tmp_path / "mailbox")
    assert [m.subject for m in again.mails()] == ["一", "二"]
    assert keep(again, mail("三")) == [3]


async def test_people_see_the_newest_first_and_can_search(mailbox: Mailbox, pages: httpx.AsyncClient):
    assert "还没有邮件" in (await pages.get("/")).text
    keep(mailbox, mail("第一封"), mail("第二封"))
    mailbox.keep("m@b.example", ["desk@b.example"], mail("第三封", to="desk@b.example"))
    page = (await pages.get("/")).text
    assert page.index("第三封") < page.index("第二封") < page.index("第一封")
    found = (await pages.get("/", params={"q": "DESK qd1"})).text
    assert "第三封" in found
    assert "第二封" not in found
    assert "没有符合" in (await pages.get("/", params={"q": "nobody"})).text


async def test_a_mail_is_shown_with_text_and_headers_and_cannot_act(mailbox: Mailbox, pages: httpx.AsyncClient):
    keep(mailbox, mail("<script>alert(1)</script>", html="<html><head></head><script>alert(2)</script>文</html>"))
    page = await pages.get("/mail/1")
    assert "<script>alert(1)" not in page.text
    assert 'sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert 'href="http://127.0.0.1:8080/task/abc"' in page.text
    assert "X-Minsheng-Number" in page.text
    body = await pages.get("/mail/1/body.html")
    assert '<base target="_blank">' in body.text
    assert "default-src 'none'" in body.headers["content-security-policy"]
    assert "script" not in body.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/mail/7", "/mail/7/body.html"])
async def test_an_unknown_mail(pages: httpx.AsyncClient, path: str):
    assert (await pages.get(path)).status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"no header at all",
        b"Subject: \xff\xfe\r\nDate: never\r\n\r\n\xff",
        b"Content-Type: multipart/mixed\r\n\r\nx",
        b"Content-Type: text/plain; charset=no-such\r\n\r\nx",
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!",
        b"Subject: =?utf-8?B?AAA=?=\r\nSubject: two\r\nTo: <<<>>>\r\n\r\n",
        "Subject: 直接\r\nTo: 王@例.example\r\n\r\n文".encode(),
    ],
)
async def test_whatever_arrives_is_shown(mailbox: Mailbox, pages: httpx.AsyncClient, content: bytes):
    keep(mailbox, content)
    for path in ("/", "/mail/1", "/mail/1/body.html", "/mailbox.json"):
        assert (await pages.get(path)).status_code == 200


def test_headers_in_bare_utf8_are_readable():
    caught = read(1, "X-Envelope-To: 王女士@例子.example\r\nSubject: 直接\r\n\r\n".encode(), datetime.now(UTC))
    assert (caught.to, caught.subject) == (("王女士@例子.example",), "直接")


async def test_from_the_outbox_to_the_page(tmp_path: Path):
    outbox = FakeOutbox()
    outbox.open()
    smtp_port, port = closed_port(), closed_port()
    running = asyncio.create_task(catcher.catch("127.0.0.1", smtp_port=smtp_port, port=port, folder=tmp_path))
    ours = Courier(outbox, Mailer(f"smtp://127.0.0.1:{smtp_port}"), Settings())  # type: ignore[arg-type]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        await answers(client)
        assert (await ours.deliver()).sent == 4
        await ours.close()
        mails = (await client.get("/mailbox.json")).json()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(running, 5)
    receipt = next(m for m in mails if m["to"] == CITIZEN_MAIL)
    assert receipt["subject"] == f"【民声】{NUMBER} 您的诉求已收到"
    assert receipt["headers"]["Auto-Submitted"] == "auto-generated"


async def answers(client: httpx.AsyncClient) -> None:
    for _ in range(100):
        try:
            await client.get("/mailbox.json")
        except httpx.TransportError:
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("the mail catcher did not start")


async def test_a_mail_that_is_too_big_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catcher, "LARGEST", 1000)
    mailbox = Mailbox(tmp_path)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: catcher._conversation(mailbox, loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, aiosmtplib.SMTP(hostname="127.0.0.1", port=port, timeout=5) as client:
        with pytest.raises(aiosmtplib.SMTPResponseException):
            await client.sendmail("a@b.example", ["c@d.example"], b"Subject: x\r\n\r\n" + b"x" * 2000)
        await client.sendmail("a@b.example", ["c@d.example"], b"Subject: x\r\n\r\nsmall")
    assert len(mailbox) == 1


async def test_a_taken_port_and_a_forbidden_folder_are_said_in_one_sentence(tmp_path: Path):
    listening = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    taken = listening.sockets[0].getsockname()[1]
    with pytest.raises(Mistake, match=f"port {taken}: Address already in use"):
        await catcher.catch("127.0.0.1", smtp_port=taken, port=closed_port(), folder=tmp_path)
    listening.close()
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "folder"
    with pytest.raises(Mistake, match="cannot be used"):
        await catcher.catch("127.0.0.1", smtp_port=closed_port(), port=closed_port(), folder=folder)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_stops_cleanly(tmp_path: Path, end: signal.Signals):
    port = closed_port()
    arguments = f"'127.0.0.1', {closed_port()}, {port}, Path({str(tmp_path)!r})"
    call = f"from pathlib import Path; from infra.mail.catcher import serve; serve({arguments})"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", call], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            await answers(client)
            process.send_signal(end)
            _, errors = await asyncio.to_thread(process.communicate, timeout=8)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, "")
