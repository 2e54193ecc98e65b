"""A process owner who does not program changes a rule in a real browser, and a second person approves it."""

from __future__ import annotations

import pytest

from infra.access import sign_in_token
from infra.chance import token
from tests.browser.test_browser import Served, browser, fits, pytestmark, served

__all__ = ["browser", "pytestmark", "served"]


def sign_in(page, served: Served, who: str, role: str) -> None:
    page.context.clear_cookies()
    page.goto(f"{served.address}/login/{sign_in_token(who, token(), role)}")
    page.click("form[data-action=sign_in] button")
    page.wait_for_url("**/workbench")


@pytest.mark.parametrize("width", [360, 1280])
def test_a_deadline_is_changed_tried_and_approved_by_a_second_person(served: Served, browser, width: int):
    page = browser.new_page(viewport={"width": width, "height": 800}, locale="zh-CN")
    sign_in(page, served, "王科长", "process_owner")
    assert fits(page)
    page.fill("#title", "普通诉求三天办结")
    page.click("form[data-action=open_draft] button")
    page.wait_for_url("**/drafts/*")
    draft = page.url
    assert fits(page)

    page.click("a[href$='deadlines.csv']")
    page.wait_for_selector("tr#row-0")
    cell = page.locator("tr", has=page.locator("input[value='fix-normal']")).locator("input[value='5 wd']")
    own = cell.get_attribute("id")
    page.fill(f"#{own}", "5 weeks")
    page.wait_for_selector(f"#{own}[aria-invalid]")  # said while typing, before anything is saved
    assert "5 weeks" in page.inner_text(f"#{own}-fault")
    page.click(".bar button")
    page.wait_for_selector(".note.warn")
    assert page.input_value(f"#{own}") == "5 weeks"
    assert fits(page)
    page.fill(f"#{own}", "3 wd")
    page.wait_for_selector(f"#{own}:not([aria-invalid])")
    page.click(".bar button")
    page.wait_for_selector(".note.good")

    page.goto(draft)
    page.click("a[href^='/workbench/try?rules=draft']")
    page.fill("#subject", "半夜施工噪音")
    page.fill("#description", "工地夜间施工,无法入睡。")
    page.fill("#address", "市南区香港中路12号")
    page.click("form[data-action=try] button")
    page.wait_for_selector("#result")
    assert "3 wd" in page.inner_text("main")
    assert fits(page)

    page.goto(draft)
    page.click("form[data-action=submit_draft] button")
    page.wait_for_url("**/versions/*")
    version = page.url
    assert page.locator("form[data-action=approve]").count() == 0

    sign_in(page, served, "李主任", "approver")
    page.goto(version)
    assert "3 个工作日" in page.inner_text("main")
    assert fits(page)
    page.click("form[data-action=approve] button")
    page.wait_for_selector("form[data-action=activate]")
    page.click("form[data-action=activate] button")
    page.wait_for_selector("form[data-action=rollback]", state="attached")
    assert "生效中" in page.inner_text("h1")
    page.goto(f"{served.address}/workbench/processes/standard")
    assert "3个工作日" in page.inner_text(".drawing")
    assert fits(page)


def test_pages_of_the_workbench_work_without_scripts_and_load_nothing_from_elsewhere(served: Served, browser):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, served, "王科长", "process_owner")
    page.click("form[data-action=open_draft] button")
    page.goto(page.url + "/files/urgency.csv")
    before = page.locator("tbody tr").count()
    page.click("tr#row-0 button[value='add:0']")
    assert page.locator("tbody tr").count() == before + 1
    page.click("tr#row-1 button[value='remove:1']")
    assert page.locator("tbody tr").count() == before
    assert [url for url in asked if not url.startswith(served.address)] == []
