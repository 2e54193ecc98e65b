"""机关流程再造: which process a complaint follows, what a process file may say, and how its faults are told."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from infra.process_schema import FILE, schema_text
from infra.rulebook_files import read_folder
from infra.settings import RULEBOOKS
from rules.case import Complaint
from rules.faults import RulebookFaults
from rules.refusals import Refusal
from rules.rulebook import Rulebook, build

QINGDAO = read_folder(RULEBOOKS / "qingdao")
STANDARD, PETITION, URGENT = "process/standard.yaml", "process/petition.yaml", "process/urgent.yaml"
GUARD = "id,action,urgency,->verdict,->zh,->en,clause\n行号,操作,紧急程度,结论,理由,英文理由,依据\n"
LETTERS = "    letters: {lead: lead_task}"
TURN = "id,process,stage,outcome,category/,->becomes,clause\n行号,流程,环节,结果,事项分类,改为,依据\n"


def changed(*changes: tuple[str, str, str], **more: str) -> dict[str, str]:
    files = dict(QINGDAO)
    for file, old, new in changes:
        assert old in files[file], f"{old!r} is no longer in {file}"
        files[file] = files[file].replace(old, new, 1)
    return files | {f"{name}.csv": text for name, text in more.items()}


def faults(files: dict[str, str]) -> str:
    with pytest.raises(RulebookFaults) as raised:
        build(files)
    return "\n".join(map(str, raised.value.faults))


@pytest.mark.parametrize(
    ("matter", "process", "row"),
    [
        ({}, "standard", "standard"),
        ({"type": "consultation"}, "consultation", "consultation"),
        ({"type": "petition"}, "petition", "petition"),
        ({"channel": "petition"}, "petition", "petition-office"),
        ({"subject": "燃气泄漏"}, "urgent", "danger"),
        ({"type": "petition", "category": "utilities/gas/leak"}, "urgent", "danger"),
        ({"type": "praise"}, "standard", "standard"),
    ],
    ids=str,
)
def test_a_table_says_which_process_a_complaint_follows(book: Rulebook, matter: dict[str, str], process: str, row: str):
    decided = book.process_for(Complaint(**{"channel": "web", "subject": "噪声", "description": ""} | matter))
    assert (decided.value, decided.row) == (process, row)


@pytest.mark.parametrize("name", ["standard", "urgent", "consultation", "petition"])
def test_a_process_can_always_be_left(book: Rulebook, name: str):
    """From every stage some road leads to the end."""
    stages = book.process(name).stages
    ends = {"closed"}
    for _ in stages:
        ends |= {stage.name for stage in stages.values() if ends.intersection(stage.outcomes.values())}
    assert ends - {"closed"} == set(stages)


@pytest.mark.parametrize("name", ["urgent", "consultation", "petition"])
def test_every_clock_of_every_process_warns_after_it_started(book: Rulebook, name: str):
    minutes = {"min": 1, "h": 60, "wd": 7 * 60, "d": 24 * 60}
    for clock, spec in book.process(name).specs():
        for urgency in ("urgent", "normal", "complex"):
            span, rungs = book.deadline(name, clock, urgency).value, book.ladder(clock, urgency, name)
            assert span is not None
            assert bool(rungs) != bool(spec.on_due)
            warnings = [-r.offset.amount * minutes[r.offset.unit] for r in rungs if r.offset.amount < 0]
            assert all(warning < span.amount * minutes[span.unit] for warning in warnings), (clock, urgency)


def test_the_shipped_schema_is_what_the_models_say():
    assert FILE.read_text("utf-8") == schema_text(), "renew it: minsheng rules schema --write"


@pytest.mark.parametrize("file", sorted(name for name in QINGDAO if name.startswith("process/")))
def test_every_process_file_names_the_schema_and_fits_it(file: str):
    assert QINGDAO[file].startswith("# yaml-language-server: $schema=../../process.schema.json\n")
    jsonschema.validate(yaml.safe_load(QINGDAO[file]), json.loads(schema_text()))


def test_an_editor_explains_every_word_of_a_stage():
    stage = json.loads(schema_text())["$defs"]["Stage"]["properties"]
    assert [name for name, field in stage.items() if not field.get("description")] == []


def test_a_table_may_forbid_an_action_and_says_why(life_under):
    row = "not-yet,refuse,,not_yet,请先联系群众,call the citizen first,立行立改\n"
    table = GUARD + row + "default,,,allowed,,,立行立改\n"
    story = life_under(
        (STANDARD, LETTERS, "    guards: {refuse: {table: permits}}\n" + LETTERS),
        ("permits.csv", QINGDAO["permits.csv"], table),
    )
    with pytest.raises(Refusal, match="call the citizen first"):
        story.act("refuse", "lead", reason="不合理")
    assert story.offer("fix", "lead").refusal is None


def test_a_table_may_choose_what_an_outcome_becomes(life_under):
    sampled = TURN + "sampled,,departmental_fix,fixed,environment,answered_twice,认真解决\ndefault,,,,,,认真解决\n"
    fixed = "      fixed: feedback\n"
    guard = "    guards:\n      cannot_fix_now: {table: permits, needs: allowed}"
    story = life_under(
        (STANDARD, fixed + "      returned", fixed + "      answered_twice: coordination\n      returned"),
        (STANDARD, LETTERS, "    chosen_by: {fixed: permits}\n" + LETTERS),
        ("permits.csv", QINGDAO["permits.csv"], sampled),
        (URGENT, guard + "   # danger is removed first\n", ""),
        (URGENT, guard + "\n", ""),
    )
    story.act("fix", "lead", reply="已处理")
    assert story.case.stage == "coordination"
    fixed = next(e for e in story.entries if e.kind == "department_fixed")
    assert (fixed.data["outcome"], fixed.data["rows"]) == ("answered_twice", {"permits": "sampled"})


def test_an_outcome_is_redirected_without_a_word_of_python(life_under):
    story = life_under((STANDARD, "fixed: feedback\n      returned", "fixed: explanation\n      returned"))
    story.act("fix", "lead", reply="已处理")
    assert story.case.stage == "explanation"


def test_silence_of_a_department_can_be_given_a_meaning(life_under):
    claim = "claim: {holder: lead, stopped_by: claim"
    story = life_under((STANDARD, claim + "}", claim + ", on_due: disputed}"))
    story.wait(days=3)
    assert story.case.stage == "first_contact"
    assert story.case.visits["first_contact"] == 2


REVIEW = "party: [above, supervision, leading_group]\n    clocks:\n      review"


@pytest.mark.parametrize(
    ("file", "old", "new", "where", "told"),
    [
        (PETITION, "[above, supervision,", "[abve, supervision,", "stages.review.party", "did you mean above"),
        (PETITION, "    " + REVIEW, "    clocks:\n      review", "stages.review.party", "somebody who did not decide"),
        (
            PETITION,
            "{reviewer: review_task, citizen: review_notice}",
            "{citizen: review_notice}",
            "stages.review.letters",
            "nobody tells",
        ),
        (PETITION, "on_due: silent", "on_due: silence", "stages.feedback.clocks.appeal.on_due", "did you mean silent"),
        (PETITION, "stopped_by: contact", "stopped_by: phone", "clocks.contact.stopped_by", "nobody may 'phone'"),
        (PETITION, "longest: 15 d", "longest: 15 days", "pauses.citizen_documents.longest", "write for example"),
        (PETITION, "longest: 15 d", "longest: 0 d", "pauses.citizen_documents.longest", "no time to wait"),
        (
            PETITION,
            "clocks: [fix, coordination]",
            "clocks: [whole_case]",
            "pauses.citizen_documents.clocks",
            "never stands still",
        ),
        (
            PETITION,
            "clocks: [fix, coordination]",
            "clocks: [fixx]",
            "pauses.citizen_documents.clocks",
            "did you mean fix",
        ),
        (PETITION, "by: [lead]", "by: [partner]", "pauses.citizen_documents.by", "add 'pause' and 'resume'"),
        (PETITION, "extend, pause, resume]", "extend, pause]", "actions.lead", "belong together"),
        (PETITION, "redos: 2", "redos: -1", "caps.redos", "less than nothing"),
        (
            PETITION,
            "      appealed: review\n",
            "",
            "stages.feedback.actions.citizen",
            "'appeal' may end with 'appealed'",
        ),
        (PETITION, "party: petition ", "party: petitions ", "stages.first_contact.party", "did you mean petition"),
        (URGENT, "needs: allowed", "needs: alowed", "guards.cannot_fix_now.needs", "did you mean allowed"),
        (
            URGENT,
            "      cannot_fix_now: {table",
            "      cannot_fix: {table",
            "guards.cannot_fix",
            "did you mean cannot_fix_now",
        ),
        (URGENT, "table: permits", "table: permit", "permit.csv", "is missing"),
        ("processes.csv", "danger,,,urgent,,urgent,", "danger,,,urgent,,urgnt,", "[process]", "did you mean urgent"),
        ("processes.csv", "petition,petition,", "petition,petitoin,", "[type]", "did you mean petition"),
        ("departments.yaml", "city: leading-group", "city: leading-grup", "[above]", "did you mean leading-group"),
    ],
)
def test_a_fault_of_a_process_is_told_with_its_place_and_its_cure(file: str, old: str, new: str, where: str, told: str):
    found = faults(changed((file, old, new)))
    assert any(where in fault and told in fault for fault in found.splitlines()), found


def test_a_table_that_leads_nowhere_is_a_fault():
    sampled = TURN + "sampled,,departmental_fix,fixed,,nowhere,认真解决\ndefault,,,,,,认真解决\n"
    named = (STANDARD, LETTERS, "    chosen_by: {fixed: samples}\n" + LETTERS)
    assert "row 'sampled' of samples.csv turns it into 'nowhere'" in faults(changed(named, samples=sampled))
