"""Every bad input gets a clear answer: a model file becomes a model, or faults with file, line, key and cure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from rules.actions import BY_KIND
from rules.faults import Fault, RulebookFaults, line_of, meant
from rules.records import Path, read_record
from rules.rulebook import Rulebook
from rules.said import Said, said
from rules.simulation.model import ANY, NONE, DutySpec, Matter, Model

ACTS = frozenset(name for actions in BY_KIND.values() for name in actions)


def read_model(text: str, file: str, *, book: Rulebook | None = None, shipped: Model | None = None) -> Model:
    """The model of a file; what it leaves out is that of ``shipped``. With a ``book``, every name is one of its.

    Raises :class:`RulebookFaults`.
    """
    own, faults = read_record(Model, text, file)
    strange = [*_strangers(own, book)] if book else []
    faults += [Fault(file, line_of(text, path), ".".join(map(str, path)), word) for path, word in strange]
    if faults:
        raise RulebookFaults(faults)
    return own.over(shipped) if shipped else own


def _strangers(model: Model, book: Rulebook) -> Iterator[tuple[Path, Said]]:
    """Words that the rulebook does not know."""
    for code in model.servers:
        yield from _known(code, book.departments, "department", ("servers", code))
    for nth, matter in enumerate(model.matters):
        yield from _of_matter(matter, book, ("matters", nth))
    for nth, duty in enumerate(model.duties):
        yield from _of_duty(duty, book, ("duties", nth))


def _of_matter(matter: Matter, book: Rulebook, place: Path) -> Iterator[tuple[Path, Said]]:
    yield from _known(matter.category, {ANY, NONE, *book.categories}, "category", (*place, "category"))
    yield from _known(matter.district, {ANY, NONE, *book.districts}, "district", (*place, "district"))
    yield from _known(matter.channel, book.channels(), "channel", (*place, "channel"))


def _of_duty(duty: DutySpec, book: Rulebook, place: Path) -> Iterator[tuple[Path, Said]]:
    processes = [p for name, p in book.processes.items() if duty.process in (None, name)]
    stages = {name for process in processes or book.processes.values() for name in process.stages}
    yield from _known(duty.process, book.processes, "process", (*place, "process"))
    yield from _known(duty.stage, stages, "stage", (*place, "stage"))
    yield from _known(duty.department, book.departments, "department", (*place, "department"))
    for act in duty.acts:
        yield from _known(act, ACTS, "action", (*place, "acts", act))
    if not sum(duty.acts.values()):
        yield (*place, "acts"), said("at least one act needs a weight of more than 0")


def _known(word: str | None, known: Collection[str], what: str, place: Path) -> Iterator[tuple[Path, Said]]:
    if word is not None and word not in known:
        cure = meant(word, known)
        yield place, said("the rulebook knows no %(what)s '%(word)s'%(cure)s", what=said(what), word=word, cure=cure)
