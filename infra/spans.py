"""深化党政公开: the spans behind infra/tracing.py; the only place that knows OpenTelemetry's SDK.

A trace and its first span are named by hashes of the complaint's number, so every process joins them without being
told. A span carries the number and words of the code and the rulebook, nothing of people. What is sampled, the
collector decides.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.context import Context, get_current
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
    use_span,
)


class Request:
    """A request that is being answered; its span is made when it turns out which case it concerns."""

    def __init__(self) -> None:
        self.began = time.time_ns()
        self.span: Span | None = None


_request: ContextVar[Request | None] = ContextVar("request", default=None)
_named: ContextVar[str] = ContextVar("named", default="")
"""The case whose first span is being made."""


class _Ids(RandomIdGenerator):
    """The first span of a case is found again by its number; all others are as random as ever."""

    def generate_trace_id(self) -> int:
        return trace_id(_named.get()) if _named.get() else super().generate_trace_id()

    def generate_span_id(self) -> int:
        return first_span_id(_named.get()) if _named.get() else super().generate_span_id()


def trace_id(number: str) -> int:
    """Of the case ``number``, whoever asks."""
    return _hash(number, 16)


def first_span_id(number: str) -> int:
    return _hash(number, 8)


def _hash(number: str, size: int) -> int:
    return int.from_bytes(hashlib.blake2b(number.encode(), digest_size=size).digest(), "big")


class Spans:
    """Makes the spans of this process and sends them, a few seconds later and from a thread of its own, to where the
    standard ``OTEL_*`` variables say."""

    def __init__(self, service: str) -> None:
        self.provider = TracerProvider(resource=Resource.create({"service.name": service}), id_generator=_Ids())
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self.provider.get_tracer("minsheng")

    def begin(self, number: str, began: int) -> None:
        """The first span of a case: its submission, from ``began`` (nanoseconds) until now."""
        token = _named.set(number)
        try:
            self._make("complaint", number, Context(), began).end()
        finally:
            _named.reset(token)

    @contextmanager
    def span(self, name: str, number: str) -> Iterator[None]:
        made = self._make(name, number, self._around(number))
        try:
            with use_span(made, record_exception=False, set_status_on_exception=False):
                yield
        except Exception as fault:
            made.set_status(StatusCode.ERROR, type(fault).__name__)  # its text may hold what people wrote
            raise
        finally:
            made.end()

    @contextmanager
    def request(self) -> Iterator[Callable[[str], None]]:
        asked, names = Request(), ["request"]
        token = _request.set(asked)
        try:
            yield names.append
        finally:
            _request.reset(token)
            if asked.span is not None:
                asked.span.update_name(names[-1])
                asked.span.end()

    def _make(self, name: str, number: str, around: Context, began: int | None = None) -> Span:
        known = {"complaint.number": number}
        return self._tracer.start_span(name, context=around, start_time=began, attributes=known)

    def _around(self, number: str) -> Context:
        """The span that is open here, if it is of this case; else the request's; else the first of the case."""
        if get_current_span().get_span_context().trace_id == trace_id(number):
            return get_current()
        asked = _request.get()
        if asked is not None and asked.span is None:
            asked.span = self._make("request", number, _first(number), asked.began)
        if asked is None or asked.span is None or asked.span.get_span_context().trace_id != trace_id(number):
            return _first(number)
        return set_span_in_context(asked.span)


def _first(number: str) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED)
    known = SpanContext(trace_id(number), first_span_id(number), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(known))
