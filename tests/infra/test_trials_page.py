"""Trials are started, watched and stopped from the page, as runs of a real Prefect; cases cannot be reached there."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from infra.access import sign_in_token
from infra.chance import token
from infra.ledger import Ledger
from infra.portal.app import create_app
from infra.portal.services import Services
from infra.settings import settings
from infra.workbench.trials import Trials
from tests.prefect_server import PrefectServer, prefect_server

__all__ = ["prefect_server"]
pytestmark = pytest.mark.slow
FORM = {
    "type": "object",
    "properties": {
        "rulebook": {"type": "string", "description": "A version or a draft."},
        "days": {"type": "integer", "default": 30},
        "profile": {"enum": ["calm", "holiday"], "type": "string", "default": "calm"},
        "seed": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
    },
    "required": ["rulebook"],
}


@pytest.fixture
async def browser(prefect_server: PrefectServer, sqlite_ledger: Ledger) -> AsyncIterator[httpx.AsyncClient]:
    await prefect_server.forget_runs()
    flow = await prefect_server.call("POST", "/flows/", name="a-trial")
    for name, tags in (("a-trial", ["workbench"]), ("not-yours", [])):
        told = {"flow_id": flow["id"], "name": name, "tags": tags, "parameter_openapi_schema": FORM}
        await prefect_server.call("POST", "/deployments/", **told)
    services = Services(ledger=sqlite_ledger, settings=settings(), trials=Trials(prefect_server.api))
    app = create_app(services)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://portal") as browser:
        browser.headers["accept-language"] = "en"
        await browser.post(f"/login/{sign_in_token('Wang', token(), 'process_owner')}")
        yield browser
    await services.trials.close()


async def started(browser: httpx.AsyncClient, **more: str) -> httpx.Response:
    page = (await browser.get("/workbench/trials")).text
    offer = re.search(r'name="_offer" value="([^"]+)"', page)[1]
    return await browser.post("/workbench/trials", data={"_offer": offer, "rulebook": "draft:1", "days": "7", **more})


async def test_the_form_of_a_trial_is_what_its_flow_asks_for(browser):
    page = (await browser.get("/workbench/trials")).text
    assert "not-yours" not in page
    assert re.search(r'name="rulebook" value="" required', page)
    assert re.search(r'name="days" value="30"', page)
    assert "<option selected>calm" in page


async def test_a_trial_is_started_with_what_was_typed(browser, prefect_server):
    address = (await started(browser, profile="holiday")).headers["location"]
    run = await prefect_server.run(address.rpartition("/")[2])
    assert run["parameters"] == {"rulebook": "draft:1", "days": 7, "profile": "holiday"}
    assert "by Wang" in run["tags"]
    assert "Waits for its turn" in (await browser.get(address)).text
    assert address in (await browser.get("/workbench/trials")).text


@pytest.mark.parametrize(
    ("typed", "said"), [({"days": "many"}, "days: 'many'"), ({"rulebook": ""}, "rulebook: has to")]
)
async def test_a_wrong_parameter_is_named_and_the_rest_is_kept(browser, typed, said):
    answer = await started(browser, seed="42", **typed)
    assert answer.status_code == 422
    assert said in html.unescape(answer.text)
    assert 'name="seed" value="42"' in answer.text


async def test_progress_and_findings_are_shown_while_it_runs(browser, prefect_server):
    address = (await started(browser)).headers["location"]
    id = address.rpartition("/")[2]
    await prefect_server.set_state(id, "RUNNING", force=True)
    for told in (
        {"type": "progress", "key": "days", "data": 40.0},
        {"type": "table", "key": "load", "description": "Load", "data": '[{"department": "urban", "cases": 12}]'},
        {"type": "markdown", "key": "end", "data": "**38** breaches <script>alert(1)</script>"},
    ):
        await prefect_server.call("POST", "/artifacts/", flow_run_id=id, **told)
    page = (await browser.get(address)).text
    assert "Running" in page
    assert '<progress max="100" value="40.0">' in page
    assert 'http-equiv="refresh"' in page
    assert '<th scope="col">department</th>' in page
    assert "<strong>38</strong> breaches &lt;script&gt;" in page
    await prefect_server.set_state(id, "COMPLETED", force=True)
    page = (await browser.get(address)).text
    assert "Done" in page
    assert 'http-equiv="refresh"' not in page


async def test_a_trial_is_stopped(browser, prefect_server):
    waiting = (await started(browser)).headers["location"]
    await browser.post(f"{waiting}/cancel")
    assert "Stopped" in (await browser.get(waiting)).text
    running = (await started(browser)).headers["location"]
    await prefect_server.set_state(running.rpartition("/")[2], "RUNNING", force=True)
    await browser.post(f"{running}/cancel")
    assert "Stops" in (await browser.get(running)).text


async def test_runs_of_cases_are_neither_seen_nor_stopped_from_here(browser, prefect_server):
    wanted = {"deployments": {"name": {"any_": ["not-yours"]}}}
    other = (await prefect_server.call("POST", "/deployments/filter", **wanted))[0]
    told = {"parameters": {"rulebook": "x"}}
    run = await prefect_server.call("POST", f"/deployments/{other['id']}/create_flow_run", **told)
    assert (await browser.get(f"/workbench/trials/{run['id']}")).status_code == 404
    assert (await browser.post(f"/workbench/trials/{run['id']}/cancel")).status_code == 404
    assert (await prefect_server.run(run["id"]))["state_type"] == "SCHEDULED"


async def test_an_approver_watches_but_does_not_start_or_stop(browser):
    address = (await started(browser)).headers["location"]
    await browser.post(f"/login/{sign_in_token('Li', token(), 'approver')}")
    assert (await browser.get(address)).status_code == 200
    assert (await browser.post(f"{address}/cancel")).status_code == 403
    assert (await browser.post("/workbench/trials", data={})).status_code == 403
