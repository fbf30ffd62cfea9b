"""From the spans of one run to steps that can stand on a tape, each with an honest grade.

One call is one step, however many spans tell of it: ours wins where it holds the payload, and the usage of the span
around it is kept; else the best of the others is taken, and what it lacks is filled in from the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from spantape._dialects.compose import Wanted, compose_request, encoded
from spantape._framing.delta import find_delta
from spantape._model import Exchange, Request
from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.player.retries import ATTEMPT_HEADER
from spantape.promote.foreign import Event, ForeignCall, completed, read
from spantape.promote.foreign._read import DIALECTS
from spantape.promote.grades import RANK, Grade, Graded, answer_of, grade_call, grade_step
from spantape.promote.merging import Group, Key, Tree, grouped, key_of
from spantape.tape.folding import unfolded
from spantape.tape.limits import DEFAULT
from spantape.tape.model import ExchangeStep, Kind, Span, Step, Value
from spantape.tape.steps import in_order, steps_of

OURS: Final = "spantape"

_HOSTS: Final = {"openai": "https://api.openai.com", "anthropic": "https://api.anthropic.com"}
_UNKNOWN_HOST: Final = "https://unrecorded.invalid"
_KEYFRAME_EVERY: Final = 64
_CLIENT: Final = 3
_HEADERS: Final = (
    ("content-type", "application/json"),
    (ATTEMPT_HEADER, "0"),  # one span covers all attempts of a call, so the next span is another call
)


@dataclass(frozen=True, slots=True)
class PromotedStep:
    """One step, as it stands on a tape.

    `span` is the span to put there: ours as it was recorded, or one made of what others told. `sources` name the
    instrumentations that told of it, `merged` the ids of all spans that did. `reasons` say why the grade is not better,
    `unrecorded` which members of a reconstructed request are not compared.
    """

    kind: Kind
    grade: Grade
    span: Span
    sources: tuple[str, ...]
    merged: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()

    @property
    def replayable(self) -> bool:
        """Whether a replay can answer it."""
        return self.grade != "skeleton"


def steps(spans: Iterable[Span], events: Sequence[Event] = (), *, run_id: str = "") -> list[PromotedStep]:
    """The steps that the spans of one run tell of, in order of start.

    `events` are log records that were exported beside the spans: some instrumentations put content there. The made
    spans carry the run's id: `run_id`, else that of our own spans, else the first span's trace.

    Raises:
        TapeDamaged: a span of ours holds a value of a wrong type.
    """
    held = unfolded(in_order(_once(spans)), DEFAULT)
    tree = Tree(held)
    own = steps_of(held)
    of_span = _by_span(events)
    calls = [call for span in held if (call := read(span, of_span.get(key_of(span), ()))) is not None]
    groups = grouped(
        [step for step in own if isinstance(step, ExchangeStep)],
        [call for call in calls if call.kind == "model"],
        tree,
    )
    maker = _Maker(run_id or _run_of(held))
    promoted = [step for group in groups for step in maker.of_group(group)]
    promoted += [_own(step) for step in own if not isinstance(step, ExchangeStep)]
    promoted += maker.beside(own, [call for call in calls if call.kind != "model"], tree)
    return _reparented(sorted(promoted, key=lambda step: (step.span.started_ns, step.span.span_id)), tree)


def _once(spans: Iterable[Span]) -> list[Span]:
    """The spans without repetitions: exporters and collectors deliver at least once."""
    found: dict[Key, Span] = {}
    nameless: list[Span] = []
    for span in spans:
        if span.span_id:
            found.setdefault(key_of(span), span)
        else:
            nameless.append(span)
    return [*found.values(), *nameless]


def _by_span(events: Iterable[Event]) -> dict[Key, list[Event]]:
    found: dict[Key, list[Event]] = defaultdict(list)
    for event in events:
        found[event.trace_id, event.span_id].append(event)
    return found


def _run_of(spans: Sequence[Span]) -> str:
    stated = (span.attributes.get(names.RUN_ID) for span in spans)
    traces = (span.trace_id for span in spans)
    return next((run for run in stated if isinstance(run, str) and run), None) or next(traces, "")


def _own(step: Step, graded: Graded | None = None) -> PromotedStep:
    found = grade_step(step) if graded is None else graded
    return PromotedStep(
        step.kind, found.grade, step.span, (OURS,), (step.span.span_id,), found.reasons, found.unrecorded
    )


class _Maker:
    """Makes the steps of one run; a composed request is stored as what is new since the one before."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._base = b""
        self._depth = 0

    # --- calls of models ---

    def of_group(self, group: Group) -> list[PromotedStep]:
        """The steps of one call: each attempt of ours is one, else there is one of the others'."""
        own = [(step, grade_step(step)) for step in group.own]
        if any(graded.grade == "exact" for _, graded in own) or not group.foreign:
            return self._exact(own, group.foreign)
        best, graded = _best(group.foreign)
        if own and graded.grade == "skeleton":
            return self._exact(own, group.foreign)
        ids = (*(step.span.span_id for step, _ in own), *(call.span.span_id for call in group.foreign))
        sources = _names((*(call.source for call in group.foreign), *((OURS,) if own else ())))
        return [replace(self._of_call(best, graded, sources), merged=ids)]

    def _exact(
        self, own: Sequence[tuple[ExchangeStep, Graded]], foreign: Sequence[ForeignCall]
    ) -> list[PromotedStep]:
        """Our own steps; the last, which was answered in the end, gets the usage of the spans around it."""
        made = [_own(step, graded) for step, graded in own]
        if made and foreign:
            last = made[-1]
            sources = _names((*(call.source for call in foreign), OURS))
            ids = (*(call.span.span_id for call in foreign), *last.merged)
            made[-1] = replace(last, span=_with_usage(last.span, foreign), sources=sources, merged=ids)
        return made

    def _of_call(self, call: ForeignCall, graded: Graded, sources: tuple[str, ...]) -> PromotedStep:
        attributes: dict[str, Any] = {
            names.FORMAT: names.FORMAT_VERSION,
            names.KIND: "exchange",
            names.RUN_ID: self._run_id,
            names.GRADE: graded.grade,
            names.GRADE_REASONS: graded.reasons,
            names.SOURCES: sources,
            **_told(call),
        }
        if graded.unrecorded:
            attributes[names.UNRECORDED] = graded.unrecorded
        if graded.grade == "skeleton":
            attributes |= {names.CONTENT: "none", **_head(call)}
        else:
            attributes |= self._payload(call)
        span = _made(call.span, attributes, kind=_CLIENT)
        return PromotedStep(
            "exchange",
            graded.grade,
            span,
            sources,
            (call.span.span_id,),
            graded.reasons,
            graded.unrecorded,
        )

    def _payload(self, call: ForeignCall) -> dict[str, Any]:
        path, body = request_of(call)
        request = Request("POST", _base_url(call) + path, _HEADERS, body)
        attributes = write_exchange(Exchange(request, answer_of(call)), self._shared(body))
        return {**attributes, names.DIALECT: call.api}

    def _shared(self, body: bytes) -> bytes | None:
        """The composed request before this one, where it holds most of it."""
        base, self._base = self._base, body
        if base and self._depth < _KEYFRAME_EVERY and sum(find_delta(base, body)) > len(body) // 2:
            self._depth += 1
            return base
        self._depth = 0
        return None

    # --- tools and agents ---

    def beside(self, own: Sequence[Step], calls: Sequence[ForeignCall], tree: Tree) -> list[PromotedStep]:
        """The tools and agents that only others tell of: ours, and better told ones, stand for the spans around them."""
        inner: dict[Key, tuple[str, str]] = {
            key_of(step.span): (step.kind, step.name) for step in own if not isinstance(step, ExchangeStep)
        }
        graded = {key_of(call.span): (call, grade_call(call)) for call in calls}
        inner |= {key: (call.kind, call.name) for key, (call, _) in graded.items()}
        spans = {key_of(step.span): step.span for step in own} | {
            key: call.span for key, (call, _) in graded.items()
        }
        dropped: set[Key] = set()
        for key, named in inner.items():
            above = tree.above(spans[key], inner.__contains__)
            if above is not None and inner[above] == named:
                dropped.add(_lesser(key, above, graded))
        return [self._named(call, found) for key, (call, found) in graded.items() if key not in dropped]

    def _named(self, call: ForeignCall, graded: Graded) -> PromotedStep:
        kind: Kind = "agent" if call.kind == "agent" else "tool"
        if kind == "agent":
            graded = Graded("reconstructed") if not graded.reasons else graded
        attributes: dict[str, Any] = {
            names.FORMAT: names.FORMAT_VERSION,
            names.RUN_ID: self._run_id,
            names.GRADE: graded.grade,
            names.SOURCES: (call.source,),
            names.AGENT_NAME if kind == "agent" else names.TOOL_NAME: call.name,
        }
        if graded.reasons:
            attributes[names.GRADE_REASONS] = graded.reasons
        if (
            kind == "agent" or graded.grade != "skeleton"
        ):  # a tool without its result runs live, and is no step
            attributes[names.KIND] = kind
        if kind == "tool" and graded.grade != "skeleton":
            attributes |= _invocation(call)
        span = _made(call.span, attributes, kind=1)
        return PromotedStep(kind, graded.grade, span, (call.source,), (call.span.span_id,), graded.reasons)


def _lesser(key: Key, above: Key, graded: Mapping[Key, tuple[ForeignCall, Graded]]) -> Key:
    """Which of two nested spans of one tool or agent to leave out: never ours, else the one that tells less."""
    if key not in graded or above not in graded:
        return above if above in graded else key
    return above if RANK[graded[key][1].grade] <= RANK[graded[above][1].grade] else key


def _best(calls: Sequence[ForeignCall]) -> tuple[ForeignCall, Graded]:
    """The call that tells most, filled in from the others; of equals the innermost, which is nearest to the wire."""
    rated = [(call, grade_call(call)) for call in calls]
    ranked = sorted(
        enumerate(rated),
        key=lambda item: (
            RANK[item[1][1].grade],
            len(item[1][1].unrecorded),
            item[1][0].request is None,
            -item[0],
        ),
    )
    best = ranked[0][1][0]
    whole = completed(best, [call for _, (call, _) in ranked[1:]])
    return whole, grade_call(whole)


def _names(sources: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sources))


def _with_usage(span: Span, foreign: Sequence[ForeignCall]) -> Span:
    """Our span with the usage that it leaves to the spans around it, so that it is counted once."""
    usage = {key: count for call in reversed(foreign) for key, count in call.usage.items()}
    missing = {key: count for key, count in usage.items() if key not in span.attributes}
    return replace(span, attributes={**span.attributes, **missing}) if missing else span


def _told(call: ForeignCall) -> dict[str, Any]:
    """What the call's spans tell beside its content, under the conventions' names."""
    found: dict[str, Any] = {
        names.OPERATION: call.operation,
        names.PROVIDER: call.provider,
        names.REQUEST_MODEL: call.model,
        "gen_ai.response.model": call.response_model,
        names.RESPONSE_ID: call.response_id,
        **call.options,
        **call.usage,
    }
    if call.error is not None:
        found |= {names.ERROR_TYPE: str(call.status or call.error.type)}
    return {key: value for key, value in found.items() if value not in ("", None)}


def _head(call: ForeignCall) -> dict[str, Any]:
    """The place of a call whose content is lost, as far as it can be told."""
    path = DIALECTS[call.api][1] if call.api is not None and call.api in DIALECTS else "/"
    dialect = {names.DIALECT: call.api} if call.api else {}
    return {names.HTTP_METHOD: "POST", names.URL_FULL: _base_url(call) + path, **dialect}


def request_of(call: ForeignCall) -> tuple[str, bytes]:
    """The path and the body of the call's request: the raw one where a span has it, else composed of what was said."""
    api = call.api or ""
    if call.request is not None:
        return DIALECTS[api][1], encoded(call.request)
    wanted = Wanted(call.model, call.messages, call.system, call.tools, call.stream, call.options)
    return compose_request(api, wanted)


def _base_url(call: ForeignCall) -> str:
    return call.base_url or _HOSTS.get(call.provider or (call.api or "").partition(".")[0], _UNKNOWN_HOST)


def _invocation(call: ForeignCall) -> dict[str, Any]:
    """The arguments and the result of a tool, as the steps of tools hold them."""
    found: dict[str, Any] = {names.ARGUMENTS: encoded(call.arguments).decode()}
    if call.error is not None:
        return {**found, names.ERROR_TYPE: call.error.type, names.ERROR_MESSAGE: call.error.message}
    return {**found, names.RESULT: encoded(call.result).decode(), names.RESULT_TYPE: "value"}


def _made(span: Span, attributes: Mapping[str, Value], *, kind: int) -> Span:
    """A span of ours in the place of another's."""
    return replace(
        span,
        attributes=dict(attributes),
        kind=kind,
        scope=names.SCOPE,
        events=(),
        links=(),
        dropped_attributes=0,
    )


def _reparented(promoted: Sequence[PromotedStep], tree: Tree) -> list[PromotedStep]:
    """The steps with each span under the nearest one that stays: the others do not stand on the tape."""
    kept = {key_of(step.span) for step in promoted}
    return [_under(step, tree.above(step.span, kept.__contains__)) for step in promoted]


def _under(step: PromotedStep, above: Key | None) -> PromotedStep:
    parent = "" if above is None else above[1]
    return step if step.span.parent_id == parent else replace(step, span=replace(step.span, parent_id=parent))
