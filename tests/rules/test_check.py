"""A rulebook is checked as a whole: a clerk is told of every fault once, with its line, and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from infra.rulebook_files import read_folder
from infra.settings import RULEBOOKS
from rules.faults import Fault
from rules.rulebook import examine

QINGDAO = read_folder(RULEBOOKS / "qingdao")
STANDARD = "process/standard.yaml"


def faults(files: Mapping[str, str]) -> list[Fault]:
    return examine(files)[1]


@dataclass(frozen=True)
class Break:
    """``old`` of ``file`` becomes ``new``; then one fault is told of the line of ``told_in`` (else ``file``) that
    begins with or contains ``at`` (empty: of the file as a whole), in ``cell``, with ``words``."""

    file: str
    old: str
    new: str
    at: str
    cell: str
    words: str
    told_in: str = ""

    def files(self) -> dict[str, str]:
        text = QINGDAO[self.file]
        assert self.old in text, f"{self.old!r} is no longer in {self.file}"
        return {**QINGDAO, self.file: text.replace(self.old, self.new, 1)}


CASES = {
    # the catalogue
    "a lead that does not exist": Break(
        "catalogue.csv", ",street-lights,", ",street-light,", "street-lights,", "lead", "did you mean street-lights"
    ),
    "a partner that does not exist": Break(
        "catalogue.csv",
        "urban@district,market@district",
        "urban@district,markt@district",
        "fumes,",
        "partners",
        "no district has a unit 'markt' (district_units in departments.yaml); did you mean market?",
    ),
    "a lead that is blank": Break(
        "catalogue.csv", ",street-lights,,", ",,,", "street-lights,", "lead", "has to name a lead"
    ),
    "two leads": Break(
        "catalogue.csv", ",street-lights,,", ',"street-lights,drainage",,', "street-lights,", "lead", "exactly one lead"
    ),
    "a lead that is its own partner": Break(
        "catalogue.csv",
        ",street-lights,,",
        ",street-lights,street-lights,",
        "street-lights,",
        "partners",
        "take it out",
    ),
    "a misspelt category": Break(
        "catalogue.csv",
        "environment/air/fumes",
        "environment/air/fume",
        "fumes,",
        "category/",
        "did you mean environment/air/fumes",
    ),
    "a misspelt district": Break(
        "catalogue.csv",
        "dust,environment/air/dust,,",
        "dust,environment/air/dust,shinam,",
        "dust,",
        "district",
        "unknown district 'shinam'; did you mean shinan",
    ),
    "a category without an owner": Break(
        "categories.yaml",
        "categories:\n",
        "categories:\n  pets: {zh: 宠物, en: Pets}\n",
        "pets:",
        "categories.pets",
        "category 'pets' has no owner: only the backstop takes it; add a row to catalogue.csv",
    ),
    "a row removed from the catalogue": Break(
        "catalogue.csv",
        "finance,finance,,financial-supervision,,谁主管、谁负责\n",
        "",
        "    bank:",
        "categories.finance.below.bank",
        "category 'finance/bank', 'finance/insurance' has no",
        "categories.yaml",
    ),
    "a category that has an owner in one district only": Break(
        "catalogue.csv",
        "veterans,veterans,,",
        "veterans,veterans,shinan,",
        "  veterans:",
        "categories.veterans",
        "has no owner in shibei, licang",
        "categories.yaml",
    ),
    "a row of the catalogue in the shadow of another": Break(
        "catalogue.csv",
        "traffic-noise,",
        "noisy,environment/noise/traffic,,traffic-police,,属地管理\ntraffic-noise,",
        "traffic-noise,",
        "",
        "is never reached: line 7 takes everything",
    ),
    "a catalogue without a backstop": Break(
        "catalogue.csv", "-city,,,city-desk", "-city,urban,,city-desk", "backstop-city,", "lead", "has to be a backstop"
    ),
    "a backstop that needs a place": Break(
        "catalogue.csv", ",city-desk,", ",government@district,", "backstop-city,", "lead", "has to be a backstop"
    ),
    # tables as such
    "a misspelt column": Break(
        "catalogue.csv", "id:collect,category/,", "id:collect,categroy/,", "id:", "categroy/", "mean category/?"
    ),
    "a misspelt output": Break(
        "catalogue.csv", "->partners", "->partner", "id:", "->partner", "did you mean ->partners"
    ),
    "an unknown hit policy": Break("catalogue.csv", "id:collect,", "id:colect,", "id:", "id", "did you mean collect"),
    "a hit policy the rules cannot use": Break(
        "ladder.csv", "id:collect,", "id:first,", "id:", "id", "write id:collect"
    ),
    "a cell too few": Break(
        "catalogue.csv", "sea,environment/water/sea,,", "sea,environment/water/sea,", "sea,", "", "has 5"
    ),
    "the same id twice": Break(
        "catalogue.csv", "sea,env", "dust,env", "dust,environment/water", "id", "also the id of line 8"
    ),
    "a blank id": Break("catalogue.csv", "sea,env", ",env", ",environment/water", "id", "a row needs a name"),
    "a test that cannot be read": Break("callback.csv", "<= 2", "<= ", "half-solved", "satisfied", "cannot be read"),
    "a row that is there twice": Break(
        "deadlines.csv",
        "claim-normal,",
        "claim-normal-2,,claim,normal,2 wd,,主动认领\nclaim-normal,",
        "claim-normal,",
        "",
        "is never reached: line 10",
    ),
    "a default that is not the last row": Break(
        "urgency.csv",
        "gas-leak,utilities/gas/leak,",
        "gas-leak,,",
        "gas-leak,",
        "",
        "so that no row below is ever reached",
    ),
    "a table without a default": Break(
        "urgency.csv", "normal,,,,normal,限时反馈\n", "", "history,", "", "the last row has to be a default"
    ),
    "a row for a rating that cannot be": Break(
        "callback.csv", "partly,<= 2", "partly,> 5", "half-solved", "", "nothing ever has answer 'answered,fixed', "
    ),
    "a quotation mark that is not closed": Break(
        "callback.csv", '"answered,fixed",no', '"answered,fixed,no', "unsolved,", "", "is not readable as CSV"
    ),
    # deadlines
    "a deadline in unknown units": Break(
        "deadlines.csv", ",5 wd,", ",5 days,", "fix-normal", "span", "write for example 30 min"
    ),
    "a deadline of no time": Break(
        "deadlines.csv", "fix,normal,5 wd", "fix,normal,-5 wd", "fix-normal", "span", "is no time"
    ),
    "a deadline that is missing": Break(
        "deadlines.csv",
        "claim-urgent,,claim,urgent,30 min,,主动认领\n",
        "",
        "claim-complex",
        "clock",
        "the clock 'claim' has no row for urgent; add one here",
    ),
    "a limit that is missing": Break(
        "deadlines.csv",
        "return-urgent,,return,urgent,2 h,,谁主管、谁负责\n",
        "",
        "return-complex",
        "clock",
        "the limit 'return' has no row for urgent; add one here",
    ),
    "a deadline longer than the whole case": Break(
        "deadlines.csv",
        "fix,urgent,1 wd",
        "fix,urgent,4 wd",
        "fix-urgent",
        "span",
        "'fix' may run 4 wd, longer than the whole urgent case: 3 wd in line 54",
    ),
    "a misspelt clock": Break(
        "deadlines.csv", "claim,urgent,", "clame,urgent,", "claim-urgent", "clock", "did you mean claim"
    ),
    "a misspelt urgency": Break(
        "deadlines.csv", "claim,urgent,", "claim,urgnt,", "claim-urgent", "urgency", "did you mean urgent"
    ),
    "an unknown process": Break(
        "deadlines.csv", "claim-urgent,,", "claim-urgent,standrd,", "claim-urgent", "process", "did you mean standard"
    ),
    "extensions in words": Break(
        "deadlines.csv", ",10 wd,3,", ",10 wd,three,", "extension-complex", "times", "whole number"
    ),
    "an extension that is given no time": Break(
        "deadlines.csv", ",10 wd,3,", ",10 wd,,", "extension-complex", "times", "write how often"
    ),
    "a count where nothing is counted": Break(
        "deadlines.csv", "fix,normal,5 wd,,", "fix,normal,5 wd,2,", "fix-normal", "times", "leave it blank here"
    ),
    # the ladder
    "a recipient nobody knows": Break(
        "ladder.csv", "handler,yellow_card", "handlr,yellow_card", "urgent-warn-minutes", "to", "did you mean handler"
    ),
    "a rung without anybody": Break(
        "ladder.csv", "1 wd,supervision,supervision", "1 wd,,supervision", "supervision,", "to", "somebody it reaches"
    ),
    "a rung without a letter": Break("ladder.csv", ",red_card,敷衍", ",,敷衍", "red,", "letter", "a rung needs"),
    "an offset that is no time": Break(
        "ladder.csv", "-10 min", "ten minutes", "urgent-warn-minutes", "offset", "write for ex"
    ),
    "a warning before its clock begins": Break(
        "ladder.csv", "-10 min", "-10 h", "urgent-warn-minutes", "", "decides nothing"
    ),
    "no ladder below a ladder": Break(
        "ladder.csv", "red,,,red_card", "calm,fix,,none,,,,敷衍塞责\nred,,,red_card", "calm,", "rung", "move it above"
    ),
    # other tables
    "an unknown urgency": Break(
        "urgency.csv", ",urgent,限时", ",soon,限时", "gas-leak,", "urgency", "unknown urgency 'soon'"
    ),
    "a keyword for no category": Break(
        "keywords.csv",
        "utilities/gas/leak",
        "utilities/gas/leek",
        "gas-leak",
        "category",
        "did you mean utilities/gas/leak",
    ),
    "a word in the shadow of another": Break(
        "keywords.csv",
        "charging,充电桩,",
        "station,充电站、充电桩,utilities/power/charging,全面梳理\ncharging,充电桩,",
        "charging,",
        "",
        "is never reached",
    ),
    "a verdict nobody knows": Break(
        "callback.csv", ",redo,", ",again,", "unsolved", "verdict", "use one of: accepted, redo"
    ),
    "an answer nobody gives": Break(
        "callback.csv", '"answered,fixed",no', '"answered,fxied",no', "unsolved", "answer", "did you mean fixed"
    ),
    "a channel without a name": Break(
        "channels.csv", "web,web,网站,Website", "web,web,网站,", "web,", "en", "name in each"
    ),
    # clauses
    "a clause the policy does not have": Break(
        "callback.csv", ",redo,认真解决", ",redo,认真解次", "unsolved", "clause", "did you mean 认真解决?"
    ),
    "a blank clause": Break("callback.csv", ",redo,认真解决", ",redo,", "unsolved", "clause", "quote the sentence"),
    "a clause nobody serves": Break(
        "clauses.yaml",
        "clauses:\n",
        "clauses:\n  campaign: {zh: 强化专项整治, en: Campaigns}\n",
        "campaign:",
        "clauses.campaign",
        "nobody serves this clause: '强化专项整治'",
    ),
    # people
    "an unknown office": Break(
        "departments.yaml", "office: desk", "office: dask", "office: dask", "office", "did you mean desk"
    ),
    "an office nobody holds": Break(
        "departments.yaml", ", office: supervision", "", "", "office", "no department has 'office: supervision'"
    ),
    "an office that two hold": Break(
        "departments.yaml",
        "head: 曹志远}",
        "head: 曹志远, office: desk}",
        "曹志远, office: desk}",
        "office",
        "has to be one department, not city-desk, public-security",
    ),
    "a code that two have": Break(
        "departments.yaml",
        "{code: education,",
        "{code: public-security,",
        '{code: public-security, name: {zh: "市教育局"',
        "code",
        "is the code of two",
    ),
    "a key that is misspelt": Break(
        "departments.yaml",
        "handler: 陈建国",
        "handle: 陈建国",
        "陈建国",
        "city.4.handle",
        "unknown key 'handle'; did you mean handler?",
    ),
    "a department without a head": Break(
        "departments.yaml", ", head: 曹志远", "", "public-security", "city.4.head", "is missing; add it"
    ),
    "a name in one language only": Break(
        "departments.yaml",
        '{zh: "市教育局", en: "Education Bureau"}',
        '{zh: "市教育局"}',
        "{code: education",
        "city.6.name",
        "has to be given in zh and en",
    ),
    "a code with capitals": Break(
        "departments.yaml",
        "code: science",
        "code: Science",
        "code: Science",
        "city.7.code",
        "is no code; use small letters",
    ),
    "a mail address that is none": Break(
        "departments.yaml",
        "handler: 陈建国",
        "mail: here, handler: 陈建国",
        "陈建国",
        "city.4.mail",
        "'here' is no mail address",
    ),
    "streets of no district": Break(
        "departments.yaml",
        "  shinan:\n",
        "  shinam:\n",
        "  shinam:",
        "streets.shinam",
        "unknown district 'shinam'; did you mean shinan",
    ),
    "a place in brackets that nobody fills": Break(
        "departments.yaml",
        "{district}",
        "{distrikt}",
        "{distrikt}",
        "district_units.0.name.zh",
        "only {district} and {nth}",
    ),
    "a unit that no district has": Break(
        "departments.yaml",
        "unit: ecology",
        "unit: environment",
        "fumes,",
        "lead",
        "no district has a unit 'ecology'",
        "catalogue.csv",
    ),
    "a district without a short name": Break(
        "districts.yaml", "short: 市南,", "", "shinan", "districts.0.short", "is missing; add it"
    ),
    "a category without an English name": Break(
        "categories.yaml",
        'zh: 生态环境\n    en: "Environment"',
        "zh: 生态环境",
        "  environment:",
        "categories.environment.en",
        "is missing; add it",
    ),
    "a category that ends before it begins": Break(
        "categories.yaml",
        "{zh: 施工噪声,",
        "{valid_from: 2020-03-05, valid_until: 2019-01-01, zh: 施工噪声,",
        "construction:",
        "categories.environment.below.noise.below.construction.valid_until",
        "before it begins",
    ),
    "a day that is none": Break(
        "categories.yaml",
        "valid_from: 2020-03-05",
        "valid_from: 2020-02-30",
        "valid_from",
        "valid_from",
        "'2020-02-30' is not a day; write it as 2027-01-31",
    ),
    "a bracket that is not closed": Break(
        "categories.yaml", "    zh: 生态环境", "    zh: [生态环境", "    en:", "", "is not valid YAML"
    ),
    "a key that is there twice": Break(
        "categories.yaml",
        "industry: {zh: 工业噪声",
        "traffic: {zh: 工业噪声",
        "traffic: {zh: 工业噪声",
        "traffic",
        "'traffic' is there twice; each key may stand only once",
    ),
    # the calendar
    "a day that is a word": Break(
        "calendar.yaml", "workdays: []", "workdays: [someday]", "workdays", "workdays.0", "'someday' is not a day"
    ),
    "a key the calendar does not have": Break(
        "calendar.yaml", "workdays:", "wrokdays:", "wrokdays", "wrokdays", "did you mean workdays"
    ),
    "office hours backwards": Break(
        "calendar.yaml", "09:00-12:00", "12:00-09:00", "office_hours", "office_hours", "from early to late"
    ),
    # the process
    "an outcome that leads nowhere": Break(
        STANDARD,
        "answered: feedback",
        "answered: feedbak",
        "answered: feedbak",
        "stages.first_contact.outcomes.answered",
        "no stage 'feedbak'; did you mean feedback?",
    ),
    "an outcome without a next stage": Break(
        STANDARD,
        "      fixed: feedback\n      returned",
        "      returned",
        "lead: [claim, contact, fix, return",
        "stages.departmental_fix.actions.lead",
        "'fix' may end with 'fixed', which leads nowhere",
    ),
    "an outcome of the citizen without a next stage": Break(
        STANDARD,
        "      explained: feedback\n      withdrawn: closed",
        "      explained: feedback",
        "outcomes:",
        "stages.explanation.outcomes",
        "'withdraw' may end with 'withdrawn'",
    ),
    "a misspelt outcome": Break(
        STANDARD,
        "explained: feedback",
        "explaind: feedback",
        "explaind: feedback",
        "stages.explanation.outcomes.explaind",
        "unknown outcome 'explaind'; did you mean explained?",
    ),
    "a stage of unknown kind": Break(
        STANDARD, "kind: feedback", "kind: fedback", "kind: fedback", "stages.feedback.kind", "did you mean feedback"
    ),
    "a start that is no stage": Break(
        STANDARD,
        "start: first_contact",
        "start: first",
        "start:",
        "start",
        "use one of: first_contact, departmental_fix",
    ),
    "a start in the middle": Break(
        STANDARD,
        "start: first_contact",
        "start: feedback",
        "start:",
        "start",
        "starts in a stage of kind first_contact",
    ),
    "an action nobody knows": Break(
        STANDARD,
        "lead: [explain]",
        "lead: [explain, explane]",
        "lead: [explain, explane]",
        "stages.explanation.actions.lead",
        "unknown action 'explane'; did you mean explain",
    ),
    "a party that does not exist": Break(
        STANDARD,
        "lead: [explain]",
        "leader: [explain]",
        "leader:",
        "stages.explanation.actions.leader",
        "did you mean lead",
    ),
    "a party without a task": Break(
        STANDARD,
        "lead: [explain]",
        "lead: [explain]\n      partner: [explain]",
        "partner: [explain]",
        "stages.explanation.actions.partner",
        "the partner has no task in a stage of kind explanation",
    ),
    "a stage that cannot be left": Break(
        STANDARD,
        "lead: [explain]",
        "lead: []",
        "  explanation:",
        "stages.explanation",
        "a case cannot leave this stage",
    ),
    "a stage that is never reached": Break(
        STANDARD,
        "  feedback:\n    label",
        "  expert_review:\n    label: {zh: 专家评审, en: Expert review}\n    clause: 属地管理\n    kind: explanation\n"
        "    owner: lead\n    actions: {lead: [explain]}\n    letters: {lead: explanation_task}\n"
        "    outcomes: {explained: feedback, withdrawn: closed}\n\n  feedback:\n    label",
        "expert_review:",
        "stages.expert_review",
        "no case ever reaches this stage",
    ),
    "a clock held by nobody": Break(
        STANDARD,
        "fix: {holder: lead, ext",
        "fix: {holder: partner, ext",
        "fix: {holder",
        "stages.departmental_fix.clocks.fix.holder",
        "so this clock never starts",
    ),
    "a clock stopped by nobody": Break(
        STANDARD,
        "stopped_by: contribute",
        "stopped_by: contribut",
        "contribution:",
        "stages.coordination.clocks.contribution.stopped_by",
        "nobody may 'contribut' here; did you mean contribute",
    ),
    "silence that means nothing known": Break(
        STANDARD,
        "on_due: silent",
        "on_due: silnt",
        "on_due: silnt",
        "stages.feedback.clocks.rating.on_due",
        "'silnt'; did you mean silent",
    ),
    "a clock without any deadline": Break(
        STANDARD,
        "      explanation: {holder: lead}",
        "      explanation: {holder: lead}\n      opinion: {holder: lead}",
        "default,",
        "clock",
        "the clock 'opinion' has no row for urgent, normal, complex",
        "deadlines.csv",
    ),
    "more time for no clock": Break(
        STANDARD,
        "fix: {holder: lead, extendable: true}",
        "fix: {holder: lead}",
        "lead: [claim, contact, fix, return",
        "stages.departmental_fix.actions.lead",
        "none of this stage is 'extendable: true'",
    ),
    "a letter nobody chose": Break(
        STANDARD,
        "letters: {lead: explanation_task}",
        "letters: {}",
        "letters: {}",
        "stages.explanation.letters",
        "add 'lead: …' to letters",
    ),
    "a negative cap": Break(STANDARD, "returns: 2", "returns: -2", "caps:", "caps.returns", "less than nothing"),
    "a process under another name": Break(
        STANDARD, "name: standard", "name: usual", "name: usual", "name", "has to be the name of its file"
    ),
}


@pytest.mark.parametrize("case", [c for c in CASES.values() if c.words], ids=[n for n, c in CASES.items() if c.words])
def test_one_thing_broken_is_one_fault_with_its_line_and_its_cure(case: Break):
    files = case.files()
    told = faults(files)
    assert [str(fault) for fault in told if case.words in fault.message], [str(fault) for fault in told]
    (fault,) = told
    file = case.told_in or case.file
    lines = [n for n, line in enumerate(files[file].splitlines(), 1) if case.at and case.at in line]
    assert (fault.file, fault.cell) == (file, case.cell)
    assert fault.line == (lines[0] if lines else 0) or fault.line in lines, str(fault)


def test_what_many_rows_have_in_common_is_told_once():
    """A department that was taken away, a unit, a whole branch of categories, and a clock under a new name."""
    for file, old, new, most in (
        ("departments.yaml", "code: traffic-police", "code: road-police", 2),
        ("departments.yaml", "unit: urban", "unit: city", 2),
        ("categories.yaml", "  environment:\n", "  surroundings:\n", 4),
        (STANDARD, "      fix: {holder", "      repair: {holder", 3),
    ):
        told = faults({**QINGDAO, file: QINGDAO[file].replace(old, new, 1)})
        assert 1 <= len(told) <= most, [str(fault) for fault in told]


def test_faults_of_different_files_do_not_hide_each_other():
    """Five of the cases above at once are five faults, even where one file cannot be read any more."""
    chosen = [
        "a lead that does not exist",
        "a department without a head",
        "a bracket that is not closed",
        "a deadline longer than the whole case",
        "a rung without anybody",
        "a misspelt outcome",
        "a verdict nobody knows",
    ]
    files = dict(QINGDAO)
    for name in chosen:
        case = CASES[name]
        files[case.file] = files[case.file].replace(case.old, case.new, 1)
    told = [fault.message for fault in faults(files)]
    assert [name for name in chosen if not any(CASES[name].words in message for message in told)] == []
    assert len(told) == len(chosen)


def test_a_clock_of_which_nobody_hears_is_told():
    """The rows for every clock are gone; what is left speaks of urgent cases only."""
    rows = QINGDAO["ladder.csv"].splitlines()
    files = {**QINGDAO, "ladder.csv": "\n".join(row for row in rows if ",,," not in row[:30] or row.startswith("no-"))}
    told = [fault for fault in faults(files) if fault.file == "ladder.csv"]
    assert any("nobody hears that the clock 'whole_case' ran out (normal, complex)" in f.message for f in told)


def test_dated_rows_leave_no_gap_between_them():
    head, label, *lines = QINGDAO["deadlines.csv"].splitlines()
    dated = [f"{line},,2026-12-31" if line.startswith("fix-normal") else f"{line},," for line in lines]
    dated.insert(-1, "fix-2027,,fix,normal,3 wd,,限时反馈,2027-02-01,")
    text = "\n".join([f"{head},valid_from,valid_until", f"{label},起,止", *dated])
    (fault,) = faults({**QINGDAO, "deadlines.csv": text})
    assert "the clock 'fix' has no row for normal on 2027-01-01" in fault.message
    assert faults({**QINGDAO, "deadlines.csv": text.replace("2027-02-01", "2027-01-01")}) == []


def test_every_fault_says_something_a_clerk_can_do():
    """No word of a programming language reaches the clerk."""
    for name, case in CASES.items():
        for fault in faults(case.files()):
            said = str(fault)
            assert not any(word in said for word in ("Traceback", "None", "<class", "KeyError", "Input should")), (
                name,
                said,
            )
