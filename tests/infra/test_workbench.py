"""The process owner's pages as a browser uses them: who may see them, what they show, and that nothing is lost."""

from __future__ import annotations

import html
import io
import re

import httpx
import openpyxl
import pytest

from infra.access import sign_in_token
from infra.chance import token
from infra.ledger import Ledger
from infra.moment import now
from infra.portal.app import create_app
from infra.portal.services import Services
from infra.portal.workbench.files import CELL
from infra.settings import settings
from infra.workbench import versions
from tests.lives import closed, waiting


@pytest.fixture
async def browser(sqlite_ledger: Ledger):
    """A browser that keeps cookies, on the portal without Prefect and mail."""
    app = create_app(Services(ledger=sqlite_ledger, settings=settings()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://portal") as browser:
        browser.headers["accept-language"] = "en"
        yield browser


async def sign_in(browser: httpx.AsyncClient, who: str, role: str) -> httpx.Response:
    return await browser.post(f"/login/{sign_in_token(who, token(), role)}")


@pytest.mark.parametrize(
    ("role", "home"), [("desk", "/desk"), ("process_owner", "/workbench"), ("approver", "/workbench")]
)
async def test_everybody_begins_where_they_work(browser, role, home):
    answer = await sign_in(browser, "Wang", role)
    assert (answer.status_code, answer.headers["location"]) == (303, home)
    assert (await browser.get(home)).status_code == 200


@pytest.mark.parametrize(
    ("role", "page", "needed"),
    [("process_owner", "/desk", "City desk"), ("approver", "/desk", "City desk")],
)
async def test_a_page_of_another_role_says_which_one_it_needs(browser, role, page, needed):
    await sign_in(browser, "Wang", role)
    answer = await browser.get(page)
    assert answer.status_code == 403
    assert needed in answer.text
    assert "Wang" in answer.text
    assert "--role desk" in answer.text


async def test_a_stranger_is_asked_to_sign_in(browser):
    assert (await browser.get("/workbench/processes/standard")).status_code == 401


async def test_a_picture_shows_the_work_and_the_ways_of_today(browser, sqlite_ledger):
    await closed(sqlite_ledger, now())
    await waiting(sqlite_ledger, now())
    await sign_in(browser, "Wang", "desk")
    page = (await browser.get("/workbench/processes/standard")).text
    assert "1 here now" in page
    assert "First contact → Departmental fix → Feedback → Closed" in re.sub(r"\s+", " ", page)
    assert "50%" in page
    assert "Designed ways that no case took" in page


async def test_a_picture_can_be_taken_home(browser):
    await sign_in(browser, "Wang", "desk")
    drawn = await browser.get("/workbench/processes/standard?form=svg")
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert "attachment" in drawn.headers["content-disposition"]
    chart = await browser.get("/workbench/processes/standard?form=mermaid")
    assert chart.text.startswith("---\ntitle:")


@pytest.mark.parametrize("path", ["/workbench/processes/nope", "/workbench/processes/standard?rules=nope"])
async def test_what_is_not_there_is_said(browser, path):
    await sign_in(browser, "Wang", "desk")
    assert (await browser.get(path)).status_code == 404


async def test_a_page_needs_no_inline_style_and_no_script_of_its_own(browser):
    await sign_in(browser, "Wang", "desk")
    page = (await browser.get("/workbench/processes/standard")).text
    assert "style=" not in page
    assert "<script>" not in page


async def opened(browser: httpx.AsyncClient, title: str = "Handle faster") -> str:
    """The page of a new draft, opened by Wang, the process owner."""
    await sign_in(browser, "Wang", "process_owner")
    return (await browser.post("/workbench/drafts", data={"title": title})).headers["location"]


def typed(page: httpx.Response) -> dict[str, str]:
    """What a browser would send of the form of a file, as it stands on the page."""
    found = re.findall(r'<input [^>]*?name="([^"]+)"[^>]*? value="([^"]*)"', page.text)
    return {name: html.unescape(value) for name, value in found}


async def edited(browser: httpx.AsyncClient, address: str, old: str, new: str, do: str = "save") -> httpx.Response:
    """Put ``new`` into the first cell that says ``old``, and press a button; the page that comes then."""
    form = typed(await browser.get(address))
    cell = next(name for name, value in form.items() if value == old and CELL.fullmatch(name))
    answer = await browser.post(address, data=form | {cell: new, "do": do})
    return await browser.get(httpx.URL(f"http://portal{address}").join(answer.headers["location"]))


async def test_a_wrong_cell_is_kept_and_its_fault_stands_at_the_cell(browser):
    draft = await opened(browser)
    page = await edited(browser, f"{draft}/files/deadlines.csv", "5 wd", "5 weeks")
    cell = re.search(r'<input id="(c\d+-\d+)"[^>]*value="5 weeks"[^>]*aria-invalid="true"', page.text)
    assert cell
    assert "is not a span" in re.search(rf'id="{cell[1]}-fault"[^>]*>([^<]*)', page.text)[1]
    whole = await browser.get(draft)
    assert "deadlines.csv:" in whole.text
    assert re.search(r"<button disabled>", whole.text)
    refused = await browser.post(f"{draft}/submit")
    assert refused.status_code == 409
    assert "is not a span" in refused.text


async def test_faults_are_said_in_the_language_of_whoever_reads_them(browser):
    draft = await opened(browser)
    browser.headers["accept-language"] = "zh-CN"
    page = await edited(browser, f"{draft}/files/deadlines.csv", "5 wd", "五天")
    assert "“五天”不是时长" in page.text
    assert "“五天”不是时长" in (await browser.get(draft)).text
    form = typed(await browser.get(f"{draft}/files/deadlines.csv"))
    found = (await browser.post(f"{draft}/check/deadlines.csv", data=form)).json()
    assert ["“五天”不是时长" in message for message in found["cells"].values()] == [True]
    assert "“五天”不是时长" in (await browser.post(f"{draft}/submit")).text


async def test_a_department_that_nobody_knows_is_a_fault_at_its_cell(browser):
    draft = await opened(browser)
    page = await edited(browser, f"{draft}/files/catalogue.csv", "urban@district", "urbane@district")
    assert re.search(r'value="urbane@district"[^>]*aria-invalid="true"', page.text)


async def test_what_is_typed_is_checked_without_being_saved(browser):
    draft = await opened(browser)
    form = typed(await browser.get(f"{draft}/files/deadlines.csv"))
    cell = next(name for name, value in form.items() if value == "5 wd")
    found = (await browser.post(f"{draft}/check/deadlines.csv", data=form | {cell: "5 weeks"})).json()
    assert [*found["cells"]] == [cell]
    assert "5 weeks" not in (await browser.get(f"{draft}/files/deadlines.csv")).text
    text = (await browser.get(f"{draft}/files/process/standard.yaml")).text
    process = html.unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", text, re.S)[1])
    wrong = process.replace("fixed: feedback", "fixed: feedbak", 1)
    checked = (await browser.post(f"{draft}/check/process/standard.yaml", data={"text": wrong})).json()["lines"]
    assert [fault["line"] for fault in checked] == [wrong.splitlines().index("      fixed: feedbak") + 1]


async def test_rows_can_be_given_days(browser):
    draft = await opened(browser)
    address = f"{draft}/files/catalogue.csv"
    form = typed(await browser.get(address))
    await browser.post(address, data=form | {"do": "days"})
    page = await browser.get(address)
    assert "valid_from" in page.text
    assert "Give rows a first and a last day" not in page.text
    assert "Faults" not in (await browser.get(draft)).text
    dated = await browser.post(address, data=typed(page) | {"c0-6": "2026-13-01", "do": "save"})
    assert (
        "is not a day" in (await browser.get(httpx.URL(f"http://portal{address}").join(dated.headers["location"]))).text
    )


async def test_rows_are_added_moved_and_deleted(browser, sqlite_ledger):
    draft = await opened(browser)
    address = f"{draft}/files/urgency.csv"

    async def press(do: str) -> list[str]:
        form = typed(await browser.get(address))
        await browser.post(address, data=form | {"do": do})
        text = (await sqlite_ledger.drafts.get(1)).files["urgency.csv"]
        return [line.partition(",")[0] for line in text.splitlines()[2:]]

    before = await press("save")
    assert await press("add:0") == [before[0], "", *before[1:]]
    assert await press("remove:1") == before
    assert await press("down:0") == [before[1], before[0], *before[2:]]
    assert await press("up:1") == before
    assert await press("up:0") == before
    assert await press("remove:999") == before


async def test_rows_are_found_and_only_they_are_changed(browser, sqlite_ledger):
    draft = await opened(browser)
    address = f"{draft}/files/keywords.csv"
    page = await browser.get(f"{address}?q=gas-leak")
    assert "Rows: 1" in page.text
    form = typed(page)
    cell = next(name for name, value in form.items() if value == "utilities/gas/leak")
    await browser.post(address, data=form | {cell: "utilities/gas"})
    old = (await sqlite_ledger.drafts.get(1)).files["keywords.csv"]
    assert old.count("utilities/gas/leak") < old.count("utilities/gas")
    assert len(old.splitlines()) > 100


async def test_who_saves_after_somebody_else_loses_nothing(browser):
    draft = await opened(browser)
    address = f"{draft}/files/deadlines.csv"
    form = typed(await browser.get(address))
    cell = next(name for name, value in form.items() if value == "5 wd")
    await browser.post(address, data=form | {cell: "4 wd"})
    await sign_in(browser, "Li", "process_owner")
    late = await browser.post(address, data=form | {cell: "3 wd"})
    assert late.status_code == 409
    assert "Wang has changed deadlines.csv" in late.text
    assert f"{cell}: 3 wd" in late.text
    assert 'value="4 wd"' in late.text


async def test_a_process_is_edited_as_text_and_a_fault_shows_its_line(browser):
    draft = await opened(browser)
    address = f"{draft}/files/process/standard.yaml"
    page = await browser.get(address)
    text = html.unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page.text, re.S)[1])
    wrong = text.replace("returned: first_contact", "returned: nowhere", 1)
    await browser.post(address, data={"_seen": typed(page)["_seen"], "text": wrong.replace("\n", "\r\n")})
    page = await browser.get(address)
    line = wrong.splitlines().index(next(x for x in wrong.splitlines() if "nowhere" in x)) + 1
    assert re.search(rf'class="here"><i>{line}</i>\s+returned: nowhere', page.text)
    assert f"Line {line}" in page.text
    assert (await browser.get("/workbench/processes/standard?rules=draft:1")).status_code == 409


async def test_a_new_process_is_a_new_file_and_has_a_picture(browser):
    draft = await opened(browser)
    made = await browser.post(f"{draft}/files", data={"path": "process/fast.yaml", "like": "process/standard.yaml"})
    address = made.headers["location"]
    page = await browser.get(address)
    text = html.unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page.text, re.S)[1])
    own = text.replace("name: standard", "name: fast").replace("en: Standard process", "en: Fast lane")
    await browser.post(address, data={"_seen": typed(page)["_seen"], "text": own})
    assert "Fast lane" in (await browser.get("/workbench/processes/fast?rules=draft:1")).text
    bad = await browser.post(f"{draft}/files", data={"path": "../etc/passwd"})
    assert bad.status_code == 409
    assert "is no file of a rulebook" in html.unescape(bad.text)


async def test_a_complaint_is_tried_on_a_draft_and_every_row_is_named(browser):
    draft = await opened(browser)
    await edited(browser, f"{draft}/files/deadlines.csv", "5 wd", "3 wd")
    matter = {"subject": "半夜施工噪音", "description": "工地夜间施工", "address": "市南区香港中路12号"}
    told = await browser.post("/workbench/try", data=matter | {"rules": "draft:1", "at": "2026-11-23T10:00"})
    page = re.sub(r"\s+", " ", told.text)
    assert "Shinan" in page
    assert "(3 wd)" in page
    assert f"{draft}/files/deadlines.csv?q=fix-normal" in page
    assert "Thu 26 Nov 2026, 10:00" in page


async def test_a_complaint_that_says_nothing_is_asked_again_and_keeps_what_was_typed(browser):
    await sign_in(browser, "Li", "approver")
    told = await browser.post("/workbench/try", data={"subject": "噪音", "description": "", "category": "nosie"})
    assert told.status_code == 422
    assert 'value="噪音"' in told.text
    assert 'role="alert"' in told.text


async def test_a_second_person_approves_and_puts_in_force(browser, sqlite_ledger):
    draft = await opened(browser)
    await edited(browser, f"{draft}/files/deadlines.csv", "5 wd", "3 wd")
    assert "5 wd → 3 wd" in (await browser.get(draft)).text
    version = (await browser.post(f"{draft}/submit", data={"note": "People wait too long."})).headers["location"]
    assert (await browser.post(f"{version}/approve")).status_code == 403
    await sign_in(browser, "wang", "approver")
    assert "somebody else has to approve it" in (await browser.get(version)).text
    assert (await browser.post(f"{version}/approve")).status_code == 409
    await sign_in(browser, "Li", "approver")
    page = (await browser.get(version)).text
    assert "5 wd → 3 wd" in page
    assert "People wait too long." in page
    assert (await browser.post(f"{version}/activate")).status_code == 409
    await browser.post(f"{version}/approve", data={"note": "Good."})
    await browser.post(f"{version}/activate", data={"from": ""})
    assert version.endswith((await sqlite_ledger.active(now())).version)
    assert "In force" in (await browser.get(version)).text


async def test_a_date_in_the_future_waits_and_can_be_called_off(browser, sqlite_ledger):
    draft = await opened(browser)
    before = (await sqlite_ledger.active(now())).version
    await edited(browser, f"{draft}/files/deadlines.csv", "5 wd", "3 wd")
    version = (await browser.post(f"{draft}/submit")).headers["location"]
    await sign_in(browser, "Li", "approver")
    await browser.post(f"{version}/approve")
    past = await browser.post(f"{version}/activate", data={"from": "2001-01-01T09:00"})
    assert past.status_code == 409
    await browser.post(f"{version}/activate", data={"from": "2100-01-01T09:00"})
    assert "Fri 1 Jan 2100, 09:00" in (await browser.get(version)).text
    await browser.post(f"{version}/call-off")
    assert "2100" not in (await browser.get("/workbench")).text
    assert (await sqlite_ledger.active(now())).version == before


async def test_an_approver_looks_at_drafts_but_does_not_change_them(browser):
    draft = await opened(browser)
    await sign_in(browser, "Li", "approver")
    page = await browser.get(f"{draft}/files/deadlines.csv")
    assert "readonly" in page.text
    for path in ("/files/deadlines.csv", "/submit", "/drop", "/check/deadlines.csv"):
        assert (await browser.post(f"{draft}{path}")).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}]
)
async def test_a_form_on_another_page_does_nothing(browser, sqlite_ledger, headers):
    await opened(browser)
    answer = await browser.post("/workbench/drafts", data={"title": "evil"}, headers=headers)
    assert answer.status_code == 403
    assert len(await sqlite_ledger.drafts.all()) == 1


async def test_our_own_form_works_although_the_browser_hides_its_origin(browser):
    await sign_in(browser, "Wang", "process_owner")
    headers = {"sec-fetch-site": "same-origin", "origin": "null"}
    assert (await browser.post("/workbench/drafts", data={"title": "own"}, headers=headers)).status_code == 303


@pytest.mark.parametrize(
    "path",
    [
        "/workbench/drafts/99",
        "/workbench/drafts/1/files/nope.csv",
        "/workbench/versions/nope",
        "/workbench/try?rules=x",
    ],
)
async def test_what_was_never_there_is_said(browser, path):
    await opened(browser)
    assert (await browser.get(path)).status_code == 404


async def test_a_draft_is_thrown_away(browser, sqlite_ledger):
    draft = await opened(browser)
    await browser.post(f"{draft}/drop")
    assert await sqlite_ledger.drafts.all() == []


async def test_names_that_people_choose_do_not_become_markup(browser):
    draft = await opened(browser, title="<script>alert(1)</script>")
    assert "<script>alert" not in (await browser.get(draft)).text
    assert "<script>alert" not in (await browser.get("/workbench")).text


async def test_a_table_leaves_as_a_workbook_and_comes_back(browser, sqlite_ledger, book_files):
    draft = await opened(browser)
    taken = await browser.get(f"{draft}/take/deadlines.xlsx")
    assert 'filename="deadlines.xlsx"' in taken.headers["content-disposition"]
    workbook = openpyxl.load_workbook(io.BytesIO(taken.content))
    cells = [cell for row in workbook["deadlines"].iter_rows() for cell in row if cell.value == "5 wd"]
    cells[0].value = "4 wd"
    changed = io.BytesIO()
    workbook.save(changed)
    sent = {"file": ("any name.xlsx", changed.getvalue())}
    answer = await browser.post(f"{draft}/bring/deadlines", files=sent)
    assert answer.headers["location"] == f"{draft}/files/deadlines.csv?saved=1"
    lines = (await sqlite_ledger.drafts.get(1)).files["deadlines.csv"].splitlines()
    old = book_files["deadlines.csv"].splitlines()
    assert [line for line, before in zip(lines, old, strict=True) if line != before] == [
        next(line for line in old if ",5 wd," in line).replace(",5 wd,", ",4 wd,")
    ]


async def test_a_csv_of_a_chinese_spreadsheet_comes_back(browser, sqlite_ledger):
    draft = await opened(browser)
    text = (await browser.get(f"{draft}/take/urgency.csv")).content.decode("utf-8-sig")
    sent = {"file": ("urgency.csv", text.replace("\n", "\r\n").encode("gb18030"))}
    await browser.post(f"{draft}/bring/urgency", files=sent)
    assert (await sqlite_ledger.drafts.get(1)).files["urgency.csv"] == text


@pytest.mark.parametrize(
    ("content", "status", "said"), [(b"", 422, "at most four megabytes"), (b"PK broken", 409, "not a readable XLSX")]
)
async def test_a_file_that_cannot_be_used_is_said(browser, sqlite_ledger, content, status, said):
    draft = await opened(browser)
    answer = await browser.post(f"{draft}/bring/urgency", files={"file": ("urgency.xlsx", content)})
    assert answer.status_code == status
    assert said in html.unescape(answer.text)
    assert (await sqlite_ledger.drafts.get(1)).changes == {}


async def quicker_version(ledger: Ledger, book_files: dict[str, str]) -> str:
    """Approved: departments have three days instead of five."""
    files = book_files | {
        "deadlines.csv": book_files["deadlines.csv"].replace("normal,5 wd,,立查", "normal,3 wd,,立查")
    }
    version = await versions.submit_files(ledger, files, by="Wang", at=now())
    return (await versions.approve(ledger, version.id, by="Li", at=now())).id


async def test_running_cases_are_moved_only_after_everybody_could_see_what_changes(browser, sqlite_ledger, book_files):
    cases = [(await waiting(sqlite_ledger, now())).number for _ in range(2)]
    version = await quicker_version(sqlite_ledger, book_files)
    await sign_in(browser, "Wang", "process_owner")
    address = f"/workbench/versions/{version}/move"
    assert address in (await browser.get(f"/workbench/versions/{version}")).text
    planned = await browser.get(address)
    assert all(number in planned.text for number in cases)
    assert re.search(r"<b>2</b>to be moved.*<b>2</b>deadlines earlier.*<b>0</b>deadlines later", planned.text)
    assert "Handling" in planned.text
    assert version not in {(await sqlite_ledger.case(number)).rulebook for number in cases}

    done = await browser.post(address, data={"note": "three days are enough"})
    assert "Moved: 2. Still under other rules: 0." in done.text
    assert {(await sqlite_ledger.case(number)).rulebook for number in cases} == {version}
    (entry,) = [e for e in await sqlite_ledger.entries(cases[0]) if e.kind == "case_migrated"]
    assert (entry.data["by"], entry.data["note"]) == ("Wang", "three days are enough")
    assert "No running case is left" in (await browser.get(address)).text


async def test_only_a_process_owner_moves_cases_and_only_to_what_was_approved(browser, sqlite_ledger, book_files):
    await waiting(sqlite_ledger, now())
    version = await quicker_version(sqlite_ledger, book_files)
    await sign_in(browser, "Li", "approver")
    assert "A process owner moves them" in (await browser.get(f"/workbench/versions/{version}/move")).text
    assert (await browser.post(f"/workbench/versions/{version}/move")).status_code == 403
    waits = await versions.submit_files(
        sqlite_ledger, book_files | {"calendar.yaml": book_files["calendar.yaml"] + "\n# a note"}, by="Wang", at=now()
    )
    assert (await browser.get(f"/workbench/versions/{waits.id}/move")).status_code == 409


async def test_what_stands_for_a_stage_that_is_gone_is_chosen_on_the_page(browser, sqlite_ledger, book_files):
    case = await waiting(sqlite_ledger, now())
    text = book_files["process/standard.yaml"]
    renamed = text.replace("departmental_fix", "handling").replace("kind: handling", "kind: departmental_fix")
    files = book_files | {"process/standard.yaml": renamed}
    version = await versions.submit_files(sqlite_ledger, files, by="Wang", at=now())
    await versions.approve(sqlite_ledger, version.id, by="Li", at=now())
    await sign_in(browser, "Wang", "process_owner")
    address = f"/workbench/versions/{version.id}/move"
    refused = await browser.get(address)
    assert "Stays: it cannot be moved like this" in refused.text
    assert 'name="stage:departmental_fix"' in refused.text
    chosen = {"stage:departmental_fix": "handling"}
    assert "Stays" not in (await browser.get(address, params=chosen)).text
    assert "Moved: 1." in (await browser.post(address, data=chosen)).text
    assert (await sqlite_ledger.case(case.number)).stage == "handling"
