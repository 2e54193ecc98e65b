"""听得进批评: what one simulated run comes to: a name -> a number, for the city and for each department."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rules.simulation.stations import Station
from rules.simulation.tally import Tally
from rules.trials.moments import SECOND

HOUR = 3600
COUNTED = {
    "department_returned": "returns", "extension_granted": "extensions", "clocks_paused": "pauses",
    "citizen_contested": "contests", "citizen_appealed": "appeals", "owner_ruled": "rulings",
}  # fmt: skip
"""Kind of entry -> the figure that counts it."""
RUNGS = ("yellow_card", "red_card", "supervision", "leading_group", "accountability")
RESULTS = ("answered", "fixed", "planned", "refused", "withdrawn")


@dataclass(frozen=True, slots=True)
class Figures:
    """One run. ``city``: counts, shares (0 to 1), and times in hours; ``late``: clock -> share that ended late;
    ``stations``: name -> figures of those who work there; ``open``: cases open at every hour of the period, and
    ``in_work`` those of them that wait for somebody in an office; ``stuck``: why nobody did a duty -> how often.
    """

    city: Mapping[str, float]
    late: Mapping[str, float]
    stations: Mapping[str, Mapping[str, float]]
    open: Sequence[int]
    in_work: Sequence[int]
    stuck: Mapping[str, int]


def figures(tally: Tally) -> Figures:
    """Shares and times of nothing at all are left out."""
    stations = {station.name: dict(_of_station(tally, station)) for station in tally.stations if station.jobs}
    late = {name: tally.late[name] / n for name, n in sorted(tally.stopped.items())}
    return Figures(_of_city(tally), late, stations, tally.open_at, tally.in_work_at, tally.stuck)


def _of_city(tally: Tally) -> dict[str, float]:
    whole = sorted(tally.whole)
    found: dict[str, float] = {"received": tally.received, "closed": tally.closed}
    found |= {"open_first": tally.open_at[0], "open_last": tally.open, "open_most": max(tally.open_at)}
    found |= {
        "in_work_first": tally.in_work_at[0],
        "in_work_last": tally.in_work,
        "in_work_most": max(tally.in_work_at),
    }
    if whole:
        found |= {"whole_mean": sum(whole) / len(whole) / SECOND / HOUR}
        found |= {name: at_share(whole, share) / SECOND / HOUR for name, share in _SHARES.items()}
    if ended := tally.stopped["whole_case"]:
        found["late_share"] = tally.late["whole_case"] / ended
    found |= {"breaches": sum(tally.late.values())}
    found |= {rung: tally.rungs[rung] for rung in RUNGS}
    found |= {name: tally.kinds[kind] for kind, name in COUNTED.items()}
    found |= {"redos": tally.redos, "letters": sum(tally.letters.values())}
    return found | {f"result_{name}": tally.results[name] for name in RESULTS}


_SHARES = {"whole_median": 0.5, "whole_p90": 0.9, "whole_p99": 0.99}


def at_share(ordered: Sequence[float], share: float) -> float:
    """The smallest value within which ``share`` of them lie, as the ledger's own pages count."""
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


def _of_station(tally: Tally, station: Station) -> dict[str, float]:
    """``tasks`` it got; with a number of hands also how busy they were, who waited, and how long (hours of theirs)."""
    found: dict[str, float] = {"tasks": station.jobs}
    if not station.hands:
        return found
    opened = station.between(tally.start, tally.end)
    period = (tally.end - tally.start) / SECOND
    found |= {"hands": station.hands, "queue": station.area / SECOND / period, "queue_most": station.most}
    if opened:
        found["utilisation"] = tally.busy[station] / (opened * station.hands)
    if waits := sorted(tally.waits.get(station, ())):
        found |= {"wait": sum(waits) / len(waits) / HOUR, "wait_p90": at_share(waits, 0.9) / HOUR}
    return found
