"""敷衍塞责、推诿扯皮……严肃追究责任: a missed deadline climbs the ladder, every rung once, each naming somebody."""

from datetime import timedelta


def rungs(story, clock):
    return [e.data["rung"] for e in story.entries if e.kind == "rung_reached" and e.data["clock"].startswith(clock)]


def test_the_ladder_is_climbed_rung_by_rung(life):
    story = life()
    story.act("claim", "lead")
    story.act("contact", "lead")
    for _ in range(30):
        story.wait(days=1)
    assert rungs(story, "fix") == ["yellow_card", "red_card", "supervision", "leading_group", "accountability"]


def test_a_day_of_outage_loses_no_rung_and_repeats_none(life):
    story = life()
    story.wait(days=30)
    assert rungs(story, "fix") == ["yellow_card", "red_card", "supervision", "leading_group", "accountability"]
    assert story.wait(seconds=1) == []


def test_the_red_card_reaches_the_handler_and_the_head_by_name(life):
    story = life()
    story.wait(days=8)
    red = next(e for e in story.entries if e.kind == "rung_reached" and e.data["rung"] == "red_card")
    assert {letter["to"] for letter in red.data["letters"]} == {"shinan-urban", "shinan-urban:head"}
    assert all(one["name"] for one in red.data["told"])


def test_nothing_is_early(life):
    story = life()
    story.act("claim", "lead")
    story.act("contact", "lead")
    due = story.case.running("fix").due_at
    story.wait(seconds=(due - story.now - timedelta(seconds=1)).total_seconds())
    assert "red_card" not in rungs(story, "fix")
    story.wait(seconds=1)
    assert "red_card" in rungs(story, "fix")


def test_a_claim_stops_its_clock(life):
    story = life()
    story.act("claim", "lead")
    story.wait(days=2)
    assert rungs(story, "claim") == []


def test_an_urgent_case_is_watched_around_the_clock(life):
    story = life(subject="楼道有煤气味", description="疑似燃气泄漏")
    story.wait(minutes=21)
    assert rungs(story, "claim") == ["yellow_card"]
    story.wait(minutes=10)
    assert rungs(story, "claim") == ["yellow_card", "red_card"]
