"""深化党政公开: operators follow one case from the portal over its signals and steps to the mail, as one trace.

Spans leave by OpenTelemetry when ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set (infra/spans.py); otherwise nothing of it is
imported, and a span is an empty block.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from infra.settings import traces_endpoint

if TYPE_CHECKING:
    from infra.spans import Spans

log = logging.getLogger("minsheng.tracing")

Call = TypeVar("Call", bound=Callable[..., Awaitable[Any]])

_spans: Spans | None = None


def start(service: str) -> None:
    """Let this process export its spans as ``service``; without an endpoint nothing happens."""
    global _spans  # noqa: PLW0603 -- one exporter for the life of the process
    if not traces_endpoint():
        return
    try:
        from infra.spans import Spans  # noqa: PLC0415 -- an extra, needed only by those who want traces
    except ImportError:
        log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but traces need: pip install minsheng[otel]")
    else:
        _spans = Spans(service)


def span(name: str, number: str) -> AbstractContextManager[None]:
    """What happens in this block belongs to the case ``number``, inside the span around it."""
    return _spans.span(name, number) if _spans else nullcontext()


def request() -> AbstractContextManager[Callable[[str], None]]:
    """A request is answered in this block, which says by a call what it is, such as ``POST /api/v1/complaints``."""
    return _spans.request() if _spans else nullcontext(_said_in_vain)


def _said_in_vain(_name: str) -> None:
    pass


def submissions(submit: Call) -> Call:
    """Each new case begins its trace with the span of its submission."""

    @functools.wraps(submit)
    async def traced(*given: Any, **named: Any) -> Any:
        began = time.time_ns()
        recorded = await submit(*given, **named)
        if _spans and not recorded.repeated:
            _spans.begin(recorded.case.number, began)
        return recorded

    return traced  # type: ignore[return-value]  # called like the function it wraps


def signals(record: Call) -> Call:
    """Each signal is a span of its case, named by its action."""

    @functools.wraps(record)
    async def traced(number: str, signal: Any, **named: Any) -> Any:
        with span(f"signal {signal.action}", number):
            return await record(number, signal, **named)

    return traced  # type: ignore[return-value]  # called like the function it wraps


def steps(function: Call) -> Call:
    """Each step of a case, whose number comes first, is a span named like its function; steps of no case are none."""

    @functools.wraps(function)
    async def traced(*given: Any, **named: Any) -> Any:
        with span(f"step {function.__name__}", given[0]) if given else nullcontext():
            return await function(*given, **named)

    return traced  # type: ignore[return-value]  # called like the function it wraps
