"""A trial runs on what decide said before: whatever people do, in whatever order, it is what decide says now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

import pytest

from infra.rulebook_files import read_folder
from infra.settings import RULEBOOKS
from rules.case import Complaint
from rules.decide import submit
from rules.evolve import fold
from rules.rulebook import Rulebook, build
from rules.trials.learned import Learned
from rules.trials.life import NUMBER, Life, Order, carry_out, times_of
from rules.trials.moments import SECOND, micros, moment

MONDAY = micros(datetime(2026, 9, 21, 2, 0, tzinfo=UTC))
"""Monday before the Mid-autumn and National days of 2026."""
HOUR = 3600 * SECOND
MATTERS = (
    {"category": "environment/noise/construction", "district": "shinan"},
    {"category": "environment/noise/construction", "district": "laoshan"},
    {"category": "environment/air/fumes", "district": "shibei"},
    {"category": "utilities/gas/leak", "district": "shinan"},
    {"category": "urban/facilities/manhole", "district": "shinan"},
    {"category": "housing/renewal/demolition", "district": "shibei"},
    {"category": "education/meals", "district": "shinan", "type": "consultation"},
    {"category": "labour/wages", "district": "shinan", "type": "petition"},
    {"type": "petition"},
    {},
)
WORDS = {"text": "…", "reply": "…", "reason": "…", "contribution": "…", "plan": "…", "promised_on": "2999-01-01"}
FIELDS = {
    "answer": ["reply"], "rule": ["reason"], "fix": ["reply"], "close_coordination": ["reply"], "return": ["reason"],
    "request_partners": ["reason"], "contribute": ["contribution"], "cannot_fix_now": ["reason", "plan", "promised_on"],
    "refuse": ["reason"], "explain": ["text"], "contest": ["reason"], "appeal": ["reason"], "uphold": ["reason"],
    "overturn": ["reason"], "add_information": ["text"],
}  # fmt: skip


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return dict(read_folder(RULEBOOKS / "qingdao"))


def order(life: Life, chance: Random, departments: list[str]) -> Order | None:
    """Something that somebody may try: an action that the stage gives one of the open duties."""
    duty = chance.choice(life.situation.duties)
    always = ["withdraw", "add_information"] if duty.role == "citizen" and chance.random() < 0.1 else []
    names = always or life.situation.actions.get(duty.role, ())
    if not names:
        return None
    action = chance.choice(names)
    data = [(name, WORDS[name]) for name in FIELDS.get(action, ())]
    parties = []
    if action in ("dispatch", "rule"):
        parties = [("department", (chance.choice(departments),))]
    if action == "dispatch":
        data += [("category", "urban/parking/fees"), ("urgency", chance.choice(["normal", "complex"]))]
    if action == "request_partners":
        parties = [("partners", tuple(chance.sample(departments, 2)))]
    if action == "extend":
        data = [("days", chance.randint(1, 9)), ("reason", "…")]
    if action == "pause":
        data = [("cause", chance.choice(["citizen_documents", "expert_opinion", "court"])), ("reason", "…")]
    if action == "rate":
        data = [("solved", chance.choice(["yes", "partly", "no"])), ("satisfied", chance.randint(1, 5))]
    return Order(action, duty.id, tuple(data), tuple(parties))


def lead(learned: Learned, complaint: Complaint, like: int, chance: Random, departments: list[str]) -> Iterator:
    """Lead a random life to its end; every move with its order and moment."""
    now = MONDAY + chance.randrange(14 * 24) * HOUR + chance.randrange(HOUR)
    life, born = learned.begin(complaint, now, like=like, settled=now + chance.choice([0, SECOND * 7]))
    yield life, born
    for _ in range(60):
        if life.situation.result:
            return
        now = max(now, life.past[-1][1]) + int(chance.expovariate(1 / (9 * HOUR)))
        while life.next_at is not None and life.next_at <= now and not life.situation.result:
            at = life.next_at
            yield life, learned.look(life, at)
            yield life, learned.settle(life, at)
        if not life.situation.result and (tried := order(life, chance, departments)):
            yield life, learned.act(life, tried, now)
            yield life, learned.settle(life, now)


def told_by_decide(book: Rulebook, life: Life):
    """The same life under the real rules: the case, and all its entries."""
    entries = submit(book, NUMBER, life.complaint, moment(life.opened_at))
    case = fold(NUMBER, entries)
    for one, at in life.past:
        more, case = carry_out(book, case, one, moment(at), life.complaint)
        entries += more
    return case, entries


@pytest.mark.parametrize("seed", range(2))
def test_random_lives_are_what_decide_makes_of_them(book: Rulebook, seed: int):
    compare(book, seed, lives=80)


@pytest.mark.parametrize(
    "changes",
    [
        [("deadlines.csv", "fix-normal,,fix,normal,5 wd", "fix-normal,,fix,normal,20 h"),
         ("ladder.csv", "warn,,,yellow_card,-1 wd", "warn,,,yellow_card,-7 h")],
        [("deadlines.csv",
          "id:first,process,clock,urgency,->span,->times,clause\n行号,流程,时限,紧急程度,时长,次数,依据",
          "id:first,process,clock,urgency,valid_from,->span,->times,clause\n行号,流程,时限,紧急程度,生效,时长,次数,依据")],
    ],
    ids=["units mixed on one ladder", "dated rows"],
)  # fmt: skip
def test_random_lives_under_other_rules_too(files: dict[str, str], changes: list[tuple[str, str, str]]):
    texts = dict(files)
    for file, old, new in changes:
        assert old in texts[file]
        texts[file] = texts[file].replace(old, new, 1)
        if "valid_from" in new:
            texts[file] = dated(texts[file])
    compare(build(texts), 7, lives=60)


def dated(text: str) -> str:
    """Every deadline with an empty first day, and a shorter fix from the second Monday on."""
    head, labels, *rows = text.splitlines()
    cells = [row.split(",") for row in rows]
    plain = [",".join([*c[:4], "", *c[4:]]) for c in cells]
    return "\n".join([head, labels, "soon,,fix,normal,2026-09-28,2 wd,,限时反馈", *plain, ""])


def compare(book: Rulebook, seed: int, *, lives: int) -> None:
    """One memory for all lives: most of what happens to a life was learned from another one."""
    chance, learned = Random(seed), Learned(book)  # noqa: S311  repeatable lives, no secrets
    departments = ["shinan-urban", "laoshan-urban", "ecology", "city-desk", "drainage"]
    actions: Counter[str] = Counter()
    for nth in range(lives):
        kind = nth % len(MATTERS)
        complaint = Complaint(channel="web", subject="", description="", **MATTERS[kind])
        letters: list[str] = []
        kinds = ["complaint_received"]
        for life, move in lead(learned, complaint, kind, chance, departments):  # noqa: B007  the last one is read below
            if move is not None and not move.refusal:
                letters += move.letters
                kinds += move.kinds
        case, entries = told_by_decide(book, life)
        here = life.situation
        assert {c.id: t for c, t in zip(here.clocks, life.clocks, strict=True)} == times_of(case)
        assert (here.stage, here.result, life.lead, life.partners) == (
            case.stage, case.result, case.lead or "", [*case.partners],
        )  # fmt: skip
        assert kinds == [e.kind for e in entries]
        assert letters == [letter["letter"] for e in entries for letter in e.data.get("letters", ())]
        assert [life.party(d.party) for d in here.duties] == [a.party for a in case.open_assignments()]
        assert life.duties == [micros(a.opened_at) for a in case.open_assignments()]
        actions.update(one.action for one, _ in life.past)
    assert {"return", "dispatch", "pause", "extend", "contribute", "rate"} <= set(actions)


def test_a_refusal_is_remembered_with_its_reason_and_changes_nothing(book: Rulebook):
    learned = Learned(book)
    for hours in (0, 1):
        life, _ = learned.begin(Complaint(channel="web", subject="", description="", **MATTERS[0]), MONDAY, like=0)
        before = (life.situation, [*life.clocks], [*life.past])
        late = MONDAY + (4 * 24 + hours) * HOUR
        assert learned.act(life, Order("return", "lead-1", (("reason", "…"),)), late).refusal == "return_too_late"
        assert (life.situation, life.clocks, life.past) == before
    assert learned.asked == 2  # the birth and the refusal


def test_what_the_rules_cannot_tell_apart_is_learned_once(book: Rulebook):
    learned = Learned(book)
    for kind in (0, 1):
        complaint = Complaint(channel="web", subject="", description="", **MATTERS[kind])
        life, _ = learned.begin(complaint, MONDAY, like=kind)
        learned.act(life, Order("claim", "lead-1"), MONDAY)
    assert learned.asked == 3  # two births, because the catalogue names two departments, and one claim
    assert life.lead == "laoshan-urban"
