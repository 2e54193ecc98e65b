"""我爱青岛·我有不满·我要说话: one complaint, from the first word to an honest end.

Heard by whatever channel, a complaint is first sorted out and claimed (首接首办); what one department can solve,
it solves at once (立行立改); what crosses departments gets one lead and several partners (一家牵头、多方联治); what
cannot be solved now enters the work plan and is openly explained, and an unreasonable demand is explained patiently
(开诚布公地向群众解释); and every citizen is answered within a time limit and asked whether it helped (限时反馈).
Whoever lets a deadline pass is asked why, one rung of the ladder after the other (严肃追究责任).

The ledger remembers and the rulebook decides; this flow tells the story. It starts again from the top at every wake,
does what the case is waiting for, and goes back to sleep.
"""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.waiting import step_back, wait_for_a_signal
from rules.process import StageKind
from tasks.coordination import coordination
from tasks.departmental_fix import departmental_fix
from tasks.escalation import escalation
from tasks.explanation import explanation
from tasks.feedback import close, feedback
from tasks.first_contact import first_contact
from tasks.review import review
from tasks.showing import show
from tasks.signals import Overtaken, Work, look_again, put_down, take_up


@flow(name="complaint", flow_run_name="{number}", retries=0, persist_result=False, validate_parameters=False)
async def complaint(number: str) -> State | None:
    """The life of the complaint ``number``. Retries belong to the steps, never to the flow (P3, P4)."""
    work = await take_up(number)
    if work is None:
        return await step_back(number)
    try:
        while not work.case.is_closed:
            await one_step(work)
            work = await look_again(work)
    except Overtaken:
        return await step_back(number)
    except Exception:
        await put_down(work, wake=False)
        raise
    await show(work)
    await put_down(work)
    return Completed(name="Closed", message=str(work.case.result))


async def one_step(work: Work) -> None:
    """What the case is waiting for now: a rung of the ladder, its next stage, or somebody's answer."""
    if work.is_due:
        await escalation(work.number, work.attempt)
    elif work.case.is_moving:
        await enter_next_stage(work)
    else:
        await wait_for_a_signal(work)


async def enter_next_stage(work: Work) -> None:
    """The paragraphs of the policy; which one comes next, the process file says."""
    number, attempt = work.number, work.attempt
    match work.next_kind:
        case StageKind.FIRST_CONTACT:
            # 首接首办、全面梳理、主动认领、建立台账: a receipt, the class, the place, the owner.
            await first_contact(number, attempt)
        case StageKind.DEPARTMENTAL_FIX:
            # 立查立纠、立行立改: the lead claims it, speaks with the citizen, and fixes it.
            await departmental_fix(number, attempt)
        case StageKind.COORDINATION:
            # 一家牵头、多方联治: one lead, several partners, one joint reply.
            await coordination(number, attempt)
        case StageKind.EXPLANATION:
            # 列入工作规划并开诚布公地向群众解释: not now, or not at all, but never without a reason.
            await explanation(number, attempt)
        case StageKind.REVIEW:
            # 复查、复核: somebody who did not decide looks at it again, and says why it stands or does not.
            await review(number, attempt)
        case StageKind.FEEDBACK:
            # 及时采纳、认真解决、限时反馈: the answer, and two questions: is it solved, are you satisfied?
            await feedback(number, attempt)
        case None:
            # The honest end: fixed, planned and explained, or refused with a patient explanation.
            await close(number, attempt)
