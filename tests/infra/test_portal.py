"""The portal as a program and a browser use it: what design.md section 7 promises, over a real ledger."""

from __future__ import annotations

import asyncio
import html
import re
import threading
from functools import partial
from typing import Any

import httpx
import pytest

from infra.access import TaskLink, sign_in_token, task_token
from infra.chance import token
from infra.ledger import Ledger, rulebooks, search, words
from infra.ledger.migrations import upgrade
from infra.moment import now
from infra.portal.app import create_app
from infra.portal.services import Services
from infra.settings import settings
from rules.case import Signal
from rules.decide import PROCEED
from rules.rulebook import Rulebook, load
from tests.conftest import apart

NOISE = {"channel": "web", "subject": "半夜施工噪声", "description": "工地每天凌晨打桩", "address": "市南区香港中路"}
UNCLEAR = {"channel": "web", "subject": "qwerty", "description": "asdf"}


@pytest.fixture
async def portal(sqlite_ledger: Ledger):
    """A browser that keeps cookies, on the portal without Prefect and mail."""
    app = create_app(Services(ledger=sqlite_ledger, settings=settings()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://portal") as browser:
        browser.headers["accept-language"] = "en"
        yield browser


async def settle(ledger: Ledger, number: str) -> None:
    """What the flow does: carry the case on until it waits."""
    while (await ledger.case(number)).is_moving:
        await ledger.record(number, Signal(PROCEED), at=now())


async def submitted(portal: httpx.AsyncClient, ledger: Ledger, matter: dict[str, Any] = NOISE) -> dict[str, str]:
    receipt = (await portal.post("/api/v1/complaints", json=matter)).json()
    await settle(ledger, receipt["number"])
    return receipt


async def link(ledger: Ledger, number: str, role: str) -> str:
    own = (await ledger.case(number)).open_assignments(role)[0]
    return task_token(TaskLink(number, own.id, own.party))


async def test_no_page_is_handed_to_a_thread(portal, sqlite_ledger: Ledger):
    """A dependency that is not ``async`` is, and costs more than the rest of them."""
    before = set(threading.enumerate())
    receipt = await submitted(portal, sqlite_ledger)
    await portal.post(f"/login/{sign_in_token('desk', token())}")
    for path in (receipt["tracking_url"], "/desk", f"/desk/cases/{receipt['number']}"):
        assert (await portal.get(path)).status_code == 200
    await portal.post("/logout")
    assert [one.name for one in {*threading.enumerate()} - before if one.name.startswith("AnyIO")] == []


async def test_the_rules_are_read_before_anybody_waits_for_them(sqlite_ledger: Ledger, monkeypatch):
    """A portal that was just started answers its first citizen as quickly as the next."""
    monkeypatch.setattr(rulebooks, "_built", {})
    services = Services(ledger=sqlite_ledger, settings=settings())
    await services.get_ready()
    assert list(rulebooks._built) == [(await sqlite_ledger.active()).version]


async def test_whoever_asks_for_new_rules_first_waits_for_them_and_nobody_else(sqlite_ledger: Ledger, monkeypatch):
    version, alive, built = (await sqlite_ledger.active()).version, threading.Event(), []

    def build_slowly(texts: dict[str, str]) -> Rulebook:
        built.append(texts)
        assert alive.wait(20), "the loop stands still meanwhile"
        return load(texts)

    monkeypatch.setattr(rulebooks, "_built", {})
    monkeypatch.setattr(rulebooks, "load", build_slowly)
    asked = [asyncio.create_task(sqlite_ledger.shelf.version(version)) for _ in range(5)]
    asyncio.get_running_loop().call_later(0.1, alive.set)
    assert {book.version for book in await asyncio.gather(*asked)} == {version}
    assert len(built) == 1


async def test_a_portal_without_rules_starts_all_the_same(tmp_path, caplog):
    caplog.set_level("INFO")
    url = f"sqlite+aiosqlite:///{tmp_path}/empty.db"
    apart(partial(upgrade, url))
    ledger = Ledger(url)
    await Services(ledger=ledger, settings=settings()).get_ready()
    await ledger.close()
    assert "read with the first request" in caplog.text


async def test_a_complaint_gets_a_number_a_key_and_an_address(portal):
    answer = await portal.post("/api/v1/complaints", json=NOISE)
    assert answer.status_code == 201
    assert set(answer.json()) == {"number", "tracking_key", "tracking_url"}


async def test_the_same_key_gives_the_same_answer_and_other_words_are_refused(portal):
    headers = {"Idempotency-Key": "k1"}
    first = await portal.post("/api/v1/complaints", json=NOISE, headers=headers)
    again = await portal.post("/api/v1/complaints", json=NOISE, headers=headers)
    other = await portal.post("/api/v1/complaints", json=UNCLEAR, headers=headers)
    assert first.json() == again.json()
    assert [r.headers.get("idempotent-replayed") for r in (first, again)] == [None, "true"]
    assert other.status_code == 409
    assert "k1" in other.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"category": "nosie"}, "category"),
        ({"district": "Atlantis"}, "district"),
        ({"channel": "pigeon"}, "channel"),
        ({"type": "poem"}, "type"),
        ({"subject": "   "}, "subject"),
        ({"description": "a\u0000b"}, "description"),
        ({"email": "nobody"}, "email"),
        ({"anonymous": 1}, "anonymous"),
        ({"lat": 91}, "lat"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_bad_field_is_named(portal, change, field):
    answer = await portal.post("/api/v1/complaints", json=NOISE | change)
    assert answer.status_code == 422
    assert field in [fault["loc"][-1] for fault in answer.json()["detail"]]


async def test_names_that_people_use_are_understood(portal, sqlite_ledger):
    matter = NOISE | {"district": "市南", "category": "施工噪声"}
    receipt = await submitted(portal, sqlite_ledger, matter)
    case = await sqlite_ledger.case(receipt["number"])
    assert case.district == "shinan"


async def test_a_wrong_key_and_an_unknown_number_are_answered_alike(portal, sqlite_ledger):
    receipt = await submitted(portal, sqlite_ledger)
    wrong = await portal.get(f"/api/v1/complaints/{receipt['number']}?key=wrong")
    unknown = await portal.get("/api/v1/complaints/QD000000-ZZZZZZZZ?key=wrong")
    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())
    assert wrong.status_code == 404


async def test_the_citizen_sees_stage_owner_deadlines_and_story(portal, sqlite_ledger):
    receipt = await submitted(portal, sqlite_ledger)
    seen = (await portal.get(f"/api/v1/complaints/{receipt['number']}?key={receipt['tracking_key']}")).json()
    assert seen["stage"] == "departmental_fix"
    assert seen["outcome"] is None
    assert seen["lead"]["code"] == "shinan-urban"
    assert {c["name"] for c in seen["clocks"]} >= {"whole_case", "fix"}
    assert seen["timeline"][0]["kind"] == "complaint_received"


async def test_a_department_finds_its_actions_with_their_fields(portal, sqlite_ledger):
    receipt = await submitted(portal, sqlite_ledger)
    task = (await portal.get(f"/api/v1/task/{await link(sqlite_ledger, receipt['number'], 'lead')}")).json()
    actions = {a["name"]: a for a in task["actions"]}
    assert {"claim", "fix", "return", "extend", "cannot_fix_now", "refuse", "request_partners"} <= set(actions)
    assert actions["fix"]["fields"] == [{"name": "reply", "type": "text", "required": True}]
    assert "ecology" in next(f for f in actions["return"]["fields"] if f["name"] == "department")["choices"]
    assert (task["role"], task["stage"]) == ("lead", "departmental_fix")


async def test_an_action_is_decided_at_once_and_its_link_is_spent(portal, sqlite_ledger):
    receipt = await submitted(portal, sqlite_ledger)
    path = f"/api/v1/task/{await link(sqlite_ledger, receipt['number'], 'lead')}"
    done = await portal.post(path, json={"action": "fix", "fields": {"reply": "已停工"}})
    assert done.status_code == 200
    assert done.json()["reply"] == "已停工"
    assert (await portal.get(path)).status_code == 410
    assert (await portal.post(path, json={"action": "fix", "fields": {"reply": "again"}})).status_code == 410


async def test_a_refused_action_says_why_and_changes_nothing(portal, sqlite_ledger):
    receipt = await submitted(portal, sqlite_ledger)
    path = f"/api/v1/task/{await link(sqlite_ledger, receipt['number'], 'lead')}"
    before = await sqlite_ledger.entries(receipt["number"])
    unknown = await portal.post(path, json={"action": "rule", "fields": {}})
    fields = await portal.post(path, json={"action": "fix", "fields": {}})
    assert (unknown.status_code, fields.status_code) == (409, 422)
    assert unknown.json()["reason"]
    assert fields.json()["detail"][0]["loc"][-1] == "reply"
    assert await sqlite_ledger.entries(receipt["number"]) == before


async def test_opening_links_never_acts(portal, sqlite_ledger):
    receipt = await submitted(portal, sqlite_ledger)
    before = await sqlite_ledger.entries(receipt["number"])
    for role in ("lead", "citizen"):
        token_ = await link(sqlite_ledger, receipt["number"], role)
        for method in ("GET", "HEAD", "OPTIONS"):
            await portal.request(method, f"/task/{token_}?action=fix&reply=x&did=fix")
    await portal.get(f"/track/{receipt['number']}?key={receipt['tracking_key']}")
    assert await sqlite_ledger.entries(receipt["number"]) == before


async def test_a_forged_link_opens_nothing(portal, sqlite_ledger):
    receipt = await submitted(portal, sqlite_ledger)
    token_ = await link(sqlite_ledger, receipt["number"], "lead")
    assert (await portal.get(f"/api/v1/task/{token_[:-2]}xx")).status_code == 404
    assert (await portal.get("/task/nonsense")).status_code == 404


def form(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form of that action, as a browser would send them."""
    body = re.search(rf'<form[^>]*data-action="{action}".*?</form>', page, re.S)
    assert body, f"no form for {action}"
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', body.group()))


async def test_a_person_acts_through_the_page_and_a_second_press_is_harmless(portal, sqlite_ledger):
    receipt = await submitted(portal, sqlite_ledger)
    path = f"/task/{await link(sqlite_ledger, receipt['number'], 'lead')}"
    filled = form((await portal.get(path)).text, "claim")
    first = await portal.post(path, data=filled)
    second = await portal.post(path, data=filled)
    assert (first.status_code, second.status_code) == (303, 303)
    entries = await sqlite_ledger.entries(receipt["number"])
    assert [e.kind for e in entries].count("department_claimed") == 1


async def test_the_form_of_the_home_page_keeps_what_was_typed(portal):
    filled = form((await portal.get("/")).text, "submit") | {"subject": "路灯不亮", "description": " "}
    answer = await portal.post("/complaints", data=filled)
    assert answer.status_code == 422
    assert "路灯不亮" in answer.text


async def test_the_form_leads_to_the_citizens_own_page(portal, sqlite_ledger):
    filled = form((await portal.get("/")).text, "submit") | {"subject": "路灯不亮", "description": "三天了"}
    answer = await portal.post("/complaints", data=filled)
    assert answer.status_code == 303
    page = await portal.get(answer.headers["location"])
    assert "路灯不亮" in page.text


@pytest.mark.parametrize("shield", ["anonymous", "confidential"])
async def test_a_shielded_complainant_is_never_shown_to_the_department(portal, sqlite_ledger, shield):
    matter = NOISE | {"name": "赵某某", "phone": "13900001111", "email": "z@example.org", shield: True}
    receipt = await submitted(portal, sqlite_ledger, matter)
    token_ = await link(sqlite_ledger, receipt["number"], "lead")
    for path in (f"/task/{token_}", f"/api/v1/task/{token_}"):
        page = (await portal.get(path)).text
        assert "赵某某" not in page
        assert "13900001111" not in page


async def test_the_desk_opens_with_a_link_that_works_once(portal, sqlite_ledger):
    receipt = await submitted(portal, sqlite_ledger, UNCLEAR)
    path = f"/login/{sign_in_token('desk', token())}"
    assert (await portal.get("/desk")).status_code == 401
    assert (await portal.get(path)).status_code == 200
    assert (await portal.post(path)).status_code == 303
    listed = await portal.get("/desk")
    assert receipt["number"] in listed.text
    assert (await portal.post(path)).status_code == 410
    case = await portal.get(f"/desk/cases/{receipt['number']}")
    assert "/task/" in case.text


async def test_the_desk_filters_and_shows_late_work_first(portal, sqlite_ledger):
    await submitted(portal, sqlite_ledger)
    await portal.post(f"/login/{sign_in_token('desk', token())}")
    assert "No case fits" in (await portal.get("/desk?late=1")).text
    assert "半夜施工噪声" in (await portal.get("/desk?district=shinan&stage=departmental_fix")).text
    assert "No case fits" in (await portal.get("/desk?district=laixi")).text


async def test_a_search_that_looked_through_a_part_says_so_and_goes_on(portal, sqlite_ledger, monkeypatch):
    monkeypatch.setattr(search, "LOOKED_AT", 1)
    monkeypatch.setattr(words, "TOGETHER", 1)
    await submitted(portal, sqlite_ledger, {**NOISE, "address": "崂山区海尔路1号"})
    for _ in range(2):
        await submitted(portal, sqlite_ledger)
    await portal.post(f"/login/{sign_in_token('desk', token())}")
    page, pages = (await portal.get("/desk?words=打桩&district=laoshan")).text, 1
    while "Look further back" in page:
        assert ("半夜施工噪声" in page) == ("found yet" not in page)
        assert ("None found yet" in page) <= (pages == 1)
        assert "older ones have not been looked at yet" in page and "No case fits" not in page
        following = html.unescape(re.findall(r'<a class="button" href="(/desk[^"]*)"', page)[0])
        page, pages = (await portal.get(following)).text, pages + 1
    assert pages == 4 and "No further case fits" in page


async def test_the_desk_shows_what_was_chosen_and_forgets_it_again(portal):
    await portal.post(f"/login/{sign_in_token('desk', token())}")
    for asked in ("district=shinan&urgency=urgent", "district=laixi&urgency=urgent", "district=&urgency=urgent"):
        page = (await portal.get(f"/desk?{asked}&lang=zh_CN")).text
        wanted = dict(one.split("=") for one in asked.split("&")).values()
        assert re.findall(r'<option value="([^"]*)" selected>', page) == [code for code in wanted if code]
    hostile = (await portal.get('/desk?district="><script>alert(1)</script>&category=<b>')).text
    assert "<script>alert" not in hostile
    assert " selected>" not in hostile


async def test_every_answer_carries_safety_headers(portal):
    for path in ("/", "/track", "/desk", "/nowhere", "/api/v1/catalogue", "/healthz"):
        answer = await portal.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "http-equiv" not in answer.text


async def test_citizens_words_are_shown_as_text_everywhere(portal, sqlite_ledger):
    hostile = "<script>alert(1)</script>{{7*7}}"
    receipt = await submitted(portal, sqlite_ledger, NOISE | {"subject": hostile, "description": hostile})
    page = await portal.get(f"/track/{receipt['number']}?key={receipt['tracking_key']}")
    assert "<script>alert" not in page.text
    assert "{{7*7}}" in page.text


async def test_pages_speak_both_languages(portal):
    assert "说出您的不满" in (await portal.get("/?lang=zh_CN")).text
    assert "Say what you are unhappy with" in (await portal.get("/?lang=en")).text


async def test_health_metrics_and_openapi_are_there(portal):
    assert (await portal.get("/healthz")).json() == {"status": "ok"}
    assert "minsheng_cases_open" in (await portal.get("/metrics")).text
    paths = (await portal.get("/api/openapi.json")).json()["paths"]
    assert {"/api/v1/complaints", "/api/v1/complaints/{number}", "/api/v1/task/{token}"} <= set(paths)
