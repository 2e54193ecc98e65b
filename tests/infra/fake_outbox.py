"""A ledger in memory for the tests of letters and mail: real rules decide, lists remember, nothing is mocked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from infra.ledger import Dossier, Letter, Person, UnknownCase
from infra.ledger.outbox import decided
from infra.moment import wall
from infra.rulebook_files import read_folder
from infra.settings import RULEBOOKS
from rules.case import Case, Complaint, Entry, Signal
from rules.decide import PROCEED, TICK, decide, submit
from rules.evolve import fold
from rules.migration import migrate
from rules.rulebook import Rulebook, build, load
from rules.succession import Move

MONDAY = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
"""09:30 in Qingdao."""
NUMBER = "QD261123-7K3M9QX4"
CONTACT = "赵科长 0532-55550016"
CITIZEN_MAIL = "citizen@mail.example"
FUMES = Complaint(
    channel="web",
    subject="楼下烧烤店油烟直接排到居民窗口",
    description="楼下的烧烤店每天晚上六点到凌晨一点营业。\n油烟管道正对三楼窗户，老人孩子都在咳嗽，和店家说过三次，没有用。",
    category="environment/air/fumes",
    district="shinan",
    address="香港中路 12 号(示例)",
)
GARBAGE = replace(FUMES, subject="小区门口的垃圾三天没有清运", category="urban/sanitation/garbage")


@lru_cache
def qingdao() -> Rulebook:
    return build(read_folder(RULEBOOKS / "qingdao"))


class FakeOutbox:
    """Cases played by the real rules, and their letters, with the names of the real ledger."""

    def __init__(self) -> None:
        self.book = qingdao()
        self.now = MONDAY
        self._entries: dict[str, list[Entry]] = {}
        self._complaints: dict[str, Complaint] = {}
        self._people: dict[str, Person] = {}
        self.rows: dict[str, Letter] = {}
        self.due: dict[str, datetime | None] = {}

    # --- playing -------------------------------------------------------------------------------------------------

    def open(self, complaint: Complaint = FUMES, person: Person | None = None, number: str = NUMBER) -> Case:
        """A new case, carried into its first waiting stage."""
        self._complaints[number] = complaint
        self._people[number] = person or Person("王女士", "0532-55570001", CITIZEN_MAIL)
        self._entries[number] = []
        self._add(number, submit(self.book, number, complaint, self.now))
        return self.carry(number)

    def act(self, action: str, assignment: str, number: str = NUMBER, **data: object) -> Case:
        """Somebody acts a second later, and the case is carried on."""
        self.now += timedelta(seconds=1)
        party = self.case(number).assignment(assignment)
        actor = party.party if party else "system"
        self._decide(number, Signal(action, actor=actor, assignment=assignment, data=data))
        return self.carry(number)

    def carry(self, number: str = NUMBER) -> Case:
        while self.case(number).is_moving:
            self._decide(number, Signal(PROCEED, complaint=self._complaints[number]))
        return self.case(number)

    def wait(self, span: timedelta, number: str = NUMBER) -> Case:
        self.now += span
        self._decide(number, Signal(TICK))
        return self.carry(number)

    def move(self, new: Rulebook, number: str) -> Case:
        """The case goes on under other rules, with what takes longer."""
        self._add(number, migrate(self.case(number), self.book, new, self.now, Move(by="王科", later=True)))
        self.book = new
        return self.case(number)

    def case(self, number: str = NUMBER) -> Case:
        return fold(number, self._entries[number])

    def letters_named(self, letter: str) -> list[Letter]:
        return [row for row in self.rows.values() if row.letter == letter]

    def _decide(self, number: str, signal: Signal) -> None:
        self._add(number, decide(self.book, self.case(number), signal, self.now))

    def _add(self, number: str, new: Sequence[Entry]) -> None:
        for entry in new:
            self._entries[number].append(entry)
            for letter in decided(number, len(self._entries[number]), [entry], held=False):
                self.due[letter.key], self.rows[letter.key] = wall(), letter

    # --- what the courier asks of a ledger -------------------------------------------------------------------------

    async def as_left(self, number: str, *, seq: int) -> Dossier:
        if number not in self._entries:
            raise UnknownCase(number)
        return Dossier(self.case(number), self._entries[number], b"")

    async def told(self, number: str) -> tuple[Complaint, Person]:
        return self._complaints[number], self._people[number]

    async def rulebook(self, _version: str) -> Rulebook:
        return self.book

    async def claim_letters(self, *, limit: int, hold_for: timedelta, number: str | None = None) -> list[Letter]:
        now = wall()
        due = [key for key, at in self.due.items() if at is not None and at <= now]
        ready = [key for key in due if number in (None, self.rows[key].number)]
        for key in ready[:limit]:
            self.rows[key] = replace(self.rows[key], attempts=self.rows[key].attempts + 1)
            self.due[key] = now + hold_for
        return [self.rows[key] for key in ready[:limit]]

    async def letter_sent(self, letter: Letter) -> None:
        key = letter.key
        self.rows[key], self.due[key] = replace(self.rows[key], status="sent", sent_at=wall()), None

    async def letter_failed(self, letter: Letter, error: str, *, retry_at: datetime | None) -> None:
        key, status = letter.key, "queued" if retry_at else "given_up"
        self.rows[key], self.due[key] = replace(self.rows[key], status=status, error=error), retry_at


def every_letter() -> FakeOutbox:
    """Lives that between them bring about every letter there is, most of them in several variants."""
    outbox = FakeOutbox()
    _joint_life(outbox)
    _three_rounds(outbox, number="QD261123-AAAA2222")
    _returned(outbox, number="QD261123-BBBB3333")
    _planned(outbox, number="QD261123-CCCC4444")
    _unclear_and_withdrawn(outbox, number="QD261123-DDDD5555")
    _refused(outbox, number="QD261123-EEEE6666")
    _moved(outbox, number="QD261123-FFFF7777")
    _petition(outbox, number="QD261123-GGGG8888")
    return outbox


def _moved(outbox: FakeOutbox, number: str) -> None:
    """Received under rules that gave the department more time, and the whole case less."""
    files = read_folder(RULEBOOKS / "qingdao")
    was = files["deadlines.csv"].replace("fix,normal,5 wd", "fix,normal,8 wd").replace("normal,15 wd", "normal,10 wd")
    outbox.book = load({**files, "deadlines.csv": was})
    outbox.open(GARBAGE, number=number)
    outbox.move(qingdao(), number)


def _joint_life(outbox: FakeOutbox) -> None:
    outbox.open()
    outbox.act("claim", "lead-1")
    outbox.act("add_information", "citizen-1", text="昨晚又排到一点半,我拍了视频。")
    outbox.act("contribute", "partner-1", contribution="已核查:占道经营属实,今晚起清理。")
    outbox.act("contribute", "partner-2", contribution="已核查:营业执照齐全,油烟净化器未备案。")
    outbox.act("extend", "lead-1", days=3, reason="净化器要三天后到货安装。")
    outbox.wait(timedelta(days=40))
    outbox.act("close_coordination", "lead-1", reply="净化器已装,排口已改到楼顶,我们会连续复查三个晚上。")
    outbox.act("rate", "citizen-1", solved="yes", satisfied=5, comment="终于能开窗了,谢谢!")


def _three_rounds(outbox: FakeOutbox, number: str) -> None:
    outbox.open(GARBAGE, number=number)
    for nth in (1, 2, 3):
        outbox.act("fix", f"lead-{nth}", number, reply="已经清运。")
        outbox.act("rate", "citizen-1", number, solved="no", satisfied=1, comment="还是一样,没有人来。")
    outbox.act("explain", "lead-4", number, text="我们核对了清运记录，今后每天两次，照片公开。", contact=CONTACT)
    outbox.wait(timedelta(days=8), number)


def _returned(outbox: FakeOutbox, number: str) -> None:
    outbox.open(GARBAGE, number=number)
    for nth in (1, 2, 3):
        outbox.act("return", f"lead-{nth}", number, reason="该路段由物业管理,不属于我单位。", department="housing")
        if nth < 3:
            outbox.act("dispatch", f"desk-{nth}", number, department="urban-management")
    outbox.act("rule", "desk-3", number, department="urban-management", reason="路段属市政道路,由城市管理局负责。")
    outbox.act("request_partners", "lead-4", number, partners=["housing"], reason="需要物业主管部门一起约谈物业公司。")
    outbox.act("return", "partner-1", number, reason="该小区没有物业公司。")


def _planned(outbox: FakeOutbox, number: str) -> None:
    outbox.open(GARBAGE, Person(email=CITIZEN_MAIL), number)
    plan = {"reason": "现有中转站已满负荷。", "plan": "新建一座垃圾中转站", "promised_on": "2027-06-30"}
    outbox.act("cannot_fix_now", "lead-1", number, **plan)
    text = "中转站的用地已经批准，明年六月建成。在此之前每天加开一班清运。"
    outbox.act("explain", "lead-2", number, text=text, contact=CONTACT)
    outbox.act("contest", "citizen-1", number, reason="半年太久,隔壁小区的中转站有空余。")
    outbox.act("answer", "desk-1", number, reply="已协调隔壁小区中转站从下周起分担。")
    outbox.act("rate", "citizen-1", number, solved="partly", satisfied=4)


def _unclear_and_withdrawn(outbox: FakeOutbox, number: str) -> None:
    unclear = Complaint(channel="hotline", subject="楼下那个东西晚上一直响", description="不知道是什么。")
    outbox.open(replace(unclear, anonymous=True), number=number)
    outbox.act("dispatch", "desk-1", number, department="shinan-ecology", category="environment/noise/neighbourhood")
    outbox.act("withdraw", "citizen-1", number, reason="不响了")


def _refused(outbox: FakeOutbox, number: str) -> None:
    outbox.open(replace(GARBAGE, confidential=True), number=number)
    outbox.act("refuse", "lead-1", number, reason="垃圾桶的位置经业主大会表决确定,我们无权改动。")
    text = "位置是业主大会三分之二以上同意定下的。您可以在下次大会上提出动议,街道会派人到场说明。"
    outbox.act("explain", "lead-2", number, text=text, contact=CONTACT)
    outbox.act("rate", "citizen-1", number, solved="no", satisfied=2)


def _petition(outbox: FakeOutbox, number: str) -> None:
    outbox.open(replace(GARBAGE, type="petition", channel="petition"), number=number)
    outbox.act("dispatch", "desk-1", number, department="shinan-urban")
    outbox.act("pause", "lead-1", number, cause="expert_opinion", reason="等待垃圾量评估报告。")
    outbox.wait(timedelta(days=61), number)
    outbox.act("fix", "lead-1", number, reply="已加开一班清运。")
    outbox.act("appeal", "citizen-1", number, reason="加开的一班在夜里十二点,吵得睡不着。")
    outbox.act("overturn", "reviewer-1", number, reason="夜间作业扰民,请改在白天清运。")
    outbox.act("fix", "lead-2", number, reply="改为每天早晚各一次。")
    outbox.act("appeal", "citizen-1", number, reason="早上一班仍然太早。")
    outbox.act("uphold", "reviewer-2", number, reason="六点半以后作业符合规定。")
    outbox.act("rate", "citizen-1", number, solved="partly", satisfied=3)
