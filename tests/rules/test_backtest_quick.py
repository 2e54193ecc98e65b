"""What is told from courses is, case by case, what leading the case through both rulebooks tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from random import Random

import pytest

from rules.backtest import Compared, Under, compare
from rules.backtest_quick import Quick
from rules.case import Complaint
from rules.rulebook import Rulebook, build
from rules.trials.life import Life, Order
from rules.trials.moments import SECOND, micros
from rules.trials.past import Deed, Past
from tests.rules.test_backtest import ECOLOGY_LEADS, EXPERTS, MONDAY, THREE_DAYS, UNTIL
from tests.rules.test_learned import MATTERS, order

HOUR = 3600 * SECOND
DRAFTS = {
    "deadlines": [THREE_DAYS, ("deadlines.csv", "claim-normal,,claim,normal,1 wd", "claim-normal,,claim,normal,3 h")],
    "routes": [ECOLOGY_LEADS, ("catalogue.csv", 'ecology@district,"urban@district,market', 'urban@district,"market')],
    "alone": [("catalogue.csv", '"urban@district,market@district"', "")],
    "silence": [("deadlines.csv", "rating-normal,,rating,normal,7 d", "rating-normal,,rating,normal,2 d")],
    "ladder": [("ladder.csv", "warn,,,yellow_card,-1 wd,handler", 'warn,,,yellow_card,-9 h,"handler,head"')],
    "words": [("keywords.csv", "gas-leak,", "riddle,谜语,environment/noise/construction,全面梳理\ngas-leak,")],
    "redos": [("callback.csv", "fixed\",partly,<= 2", "fixed\",partly,<= 4")],
    "experts": EXPERTS,
    "hours": [("calendar.yaml", "09:00-12:00", "08:00-12:00")],
    "nothing": [],
}  # fmt: skip

NOT_QUICK = ("nothing", "redos")
"""A new round has no course: how long the whole case stood still depends on when the citizen answered."""


def people(under: Under, seed: int, cases: int) -> Iterator[Past]:
    """Cases led by chance under the old rules: slow and quick people, silence, and everything that may be done."""
    chance = Random(seed)  # noqa: S311 -- the same cases each time
    departments = ["shinan-urban", "laoshan-urban", "ecology", "drainage"]
    for nth in range(cases):
        matter = MATTERS[nth % len(MATTERS)]
        complaint = Complaint(channel="web", subject="谜语" if not matter else "", description="", **matter)
        opened, pace = micros(MONDAY) + chance.randrange(20 * 24 * 60) * 60 * SECOND, chance.choice([3, 15, 40]) * HOUR
        one = Past(number=f"QD-{nth}", rulebook="", complaint=complaint, opened_at=opened)
        yield from led(under, one, chance, departments, pace)


def led(under: Under, one: Past, chance: Random, departments: list[str], pace: int) -> Iterator[Past]:
    trail, deeds = under.begin(one), []
    now, most = one.opened_at, chance.randint(0, 9)
    while not trail.is_closed and len(deeds) < most:
        now += int(chance.expovariate(1 / pace))
        if now > UNTIL:
            break
        trail.until(now)
        tried = None if trail.is_closed else sensible(trail.life, chance, departments)
        if tried is not None and not trail.act(tried, now).refusal:
            deeds.append(Deed(now, tried))
            trail.settle()
    trail.until(UNTIL)
    here = trail.life.situation
    yield Past(
        number=one.number, rulebook="", complaint=one.complaint, opened_at=one.opened_at, deeds=deeds, stage=here.stage,
        lead=trail.life.lead or None, result=here.result,
    )  # fmt: skip


def sensible(life: Life, chance: Random, departments: list[str]) -> Order | None:
    """Mostly what people do on most days."""
    usual = {"lead": ["claim", "contact", "fix", "close_coordination", "explain"], "partner": ["contribute"]}
    if chance.random() < 0.7:
        for _ in range(20):
            tried = order(life, chance, departments)
            duty = tried and next(d for d in life.situation.duties if d.id == tried.assignment)
            if tried and duty and tried.action in usual.get(duty.role, [tried.action]):
                return tried
    return order(life, chance, departments)


def shown(one: Compared) -> dict[str, object]:
    """All that is told of a case; lists in one order."""
    told = {field.name: getattr(one, field.name) for field in fields(one) if field.name != "past"}
    for name in ("deadlines", "added", "avoided", "refused"):
        told[name] = sorted(told[name], key=str)
    told["late"] = [sorted(late) for late in one.late]
    return told


@pytest.fixture(scope="module")
def under(book: Rulebook) -> Under:
    return Under(book)


@pytest.fixture(scope="module")
def pasts(under: Under) -> list[Past]:
    return [*people(under, 5, 180)]


@pytest.mark.parametrize("name", DRAFTS)
def test_courses_tell_what_the_replay_tells(under: Under, pasts: list[Past], book_files: dict[str, str], name: str):
    files = dict(book_files)
    for file, old, new in DRAFTS[name]:
        assert old in files[file], old
        files[file] = files[file].replace(old, new, 1)
    new = Under(build(files))
    quick, told = Quick(under, new, UNTIL), Counter[str]()
    for past in pasts:
        here, there = quick._quickly(past), compare(past, under, new, UNTIL)
        told["quick" if here else "slow"] += 1
        if here is not None:
            assert shown(here) == shown(there), past
            told.update(field for field, value in shown(here).items() if value)
            told.update({deed.order.action for deed in past.deeds})
    assert told["quick"] > 80
    assert min(told["return"], told["dispatch"], told["contribute"], told["rate"]) > 0
    assert name in NOT_QUICK or told["deadlines"] + told["tasks"] + told["letters"] + told["parted"] > 0
