"""人性化: a citizen and a department do their work in a real browser, on a phone as on a desk."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import sync_playwright

from infra.access import TaskLink, task_token
from infra.ledger import Ledger
from infra.moment import now
from infra.portal.app import create_app
from infra.portal.services import Services
from infra.rulebook_files import read_folder
from infra.settings import RULEBOOKS, settings
from rules.case import Signal
from rules.decide import PROCEED
from tests.prefect_server import free_port

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; Debian's package `chromium` brings one"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


class Served:
    """The portal in a thread of its own, and a hand in its event loop that does the flow's work."""

    def __init__(self, url: str, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.ledger = Ledger(url)
        app = create_app(Services(ledger=self.ledger, settings=settings()))
        self.server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.server.serve())

    def settle(self, number: str) -> str:
        """Carry the case on; the lead's link, when there is one."""
        return asyncio.run_coroutine_threadsafe(self._settle(number), self.loop).result(30)

    async def _settle(self, number: str) -> str:
        while (await self.ledger.case(number)).is_moving:
            await self.ledger.record(number, Signal(PROCEED), at=now())
        leads = (await self.ledger.case(number)).open_assignments("lead")
        return f"/task/{task_token(TaskLink(number, leads[0].id, leads[0].party))}" if leads else ""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    port = free_port()
    monkeypatch.setenv("MINSHENG_PORTAL_URL", f"http://127.0.0.1:{port}")
    settings.cache_clear()
    url = f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}"

    async def prepare() -> None:
        ledger = Ledger(url)
        await ledger.upgrade()
        await ledger.activate(read_folder(RULEBOOKS / "qingdao"), at=now())
        await ledger.close()

    asyncio.run(prepare())
    served = Served(url, port)
    served.thread.start()
    while not served.server.started and served.thread.is_alive():
        served.thread.join(0.05)
    yield served
    served.server.should_exit = True
    served.thread.join(20)
    settings.cache_clear()


@pytest.fixture
def browser() -> Iterator[object]:
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


def fits(page: object) -> bool:
    """Whether nothing has to be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize("width", [360, 1280])
def test_a_complaint_is_told_fixed_and_rated_in_the_browser(served: Served, browser, width: int):
    page = browser.new_page(viewport={"width": width, "height": 800}, locale="zh-CN")
    page.goto(served.address)
    assert fits(page)
    page.fill("#subject", "楼下路灯不亮")
    page.fill("#description", "整条街三天没有路灯，老人出门不安全。")
    page.fill("#address", "市南区某路")
    page.click("form[data-action=submit] button")
    page.wait_for_url("**/track/**")
    own, number = page.url, page.inner_text("p.number")
    assert fits(page)

    task = served.settle(number)
    page.goto(served.address + task)
    assert fits(page)
    page.click("form[data-action=claim] button")
    page.wait_for_selector(".note.good")
    page.locator("details:has(form[data-action=fix]) summary").click() if page.locator(
        "details form[data-action=fix]"
    ).count() else None
    page.fill("form[data-action=fix] textarea", "电缆已修复，当晚亮灯。")
    page.click("form[data-action=fix] button")
    page.wait_for_url("**did=fix")

    served.settle(number)
    page.goto(own)
    assert "电缆已修复" in page.inner_text("main")
    page.check("form[data-action=rate] input[name=solved][value=yes]")
    page.check("form[data-action=rate] input[name=satisfied][value='5']")
    page.click("form[data-action=rate] button")
    page.wait_for_load_state()
    served.settle(number)
    page.goto(own)
    assert fits(page)
    assert "已办结" in page.inner_text("ol.steps li.now")


def test_pages_load_nothing_from_elsewhere(served: Served, browser):
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/track", "/desk"):
        page.goto(served.address + path)
    assert [url for url in asked if not url.startswith(served.address)] == []
