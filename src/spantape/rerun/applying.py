"""The steps of a bundle asked anew, of an endpoint or of a tape: what comes is an actual record, for `verify`.

::

    actual = rerun.apply(bundle, rerun.read_step_inputs("inputs.json"), rerun.Endpoint("https://api.example.com/v1"))
    rerun.verify(bundle, actual, policy)

A bundle holds hashes, so the inputs come beside it, and are refused where they do not hash to what it states. Model
and sampling are the bundle's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from spantape.errors import NotVerified, UsageError
from spantape.rerun.apply_embedder import embedder_for
from spantape.rerun.apply_endpoint import Endpoint
from spantape.rerun.apply_inputs import StepInputs
from spantape.rerun.apply_sources import Source, asked_of_endpoint, found_on_tape
from spantape.rerun.bundles import Bundle
from spantape.rerun.canonical import sha256_of
from spantape.rerun.cut_evidence import Evidence, Measure, UnfitError
from spantape.rerun.cut_step import Heard
from spantape.rerun.cut_tolerance import RerunTolerance
from spantape.rerun.cutting import output_record
from spantape.rerun.schema import EXTENDED, check_bundle
from spantape.rerun.wire import Call, api_named, likely_api
from spantape.tape.model import Tape

if TYPE_CHECKING:
    from spantape.semantic.embedders import Embedder


def apply(
    bundle: Bundle,
    inputs: StepInputs | Sequence[StepInputs],
    target: Endpoint | Tape,
    *,
    api: str | None = None,
    embedder: Embedder | None = None,
) -> dict[str, Any]:
    """The actual record of the bundle's steps asked anew, of an endpoint or of what a tape has recorded.

    `inputs` are those of each step. `api` names the wire API; without it that of the inputs counts, else the one
    that their messages or the bundle's vendor tell. `embedder` serves semantic steps; by default it is the one that
    the bundle names. The bundle's signature is not looked at: `verify` does that.

    Raises:
        NotVerified: the inputs are not those that the bundle states.
        EndpointError: the endpoint refused, did not answer, or answered with nothing to compare; or the tape holds
            no such call that is not answered already.
        SchemaViolation: it is no bundle.
        UsageError: the API cannot be asked that, or the bundle's embedder is not here.
        EmbedderError: the embedder failed.
    """
    check_bundle(bundle)
    steps = bundle["steps"] if bundle["rerun_version"] == EXTENDED else [bundle]
    given = [inputs] if isinstance(inputs, StepInputs) else list(inputs)
    if len(given) != len(steps):
        raise UsageError(f"got inputs of {len(given)} steps, expected those of the bundle's {len(steps)}")
    for index, (step, one) in enumerate(zip(steps, given, strict=True)):
        check_inputs(step["inputs"], one.inputs, f"steps[{index}]." if len(steps) > 1 else "")
    calls = [call_of(step, one, api) for step, one in zip(steps, given, strict=True)]
    measures = [_measure(step, call, embedder) for step, call in zip(steps, calls, strict=True)]
    with _source(target) as source:
        heard = list(map(source, calls))
    extended = bundle["rerun_version"] == EXTENDED
    answers = [
        output_record(one, _evidence(measure, one, step), extended=extended)
        for step, measure, one in zip(steps, measures, heard, strict=True)
    ]
    return {"steps": answers} if extended else answers[0]


def _source(target: Endpoint | Tape) -> AbstractContextManager[Source]:
    return nullcontext(found_on_tape(target)) if isinstance(target, Tape) else asked_of_endpoint(target)


def check_inputs(stated: dict[str, str], inputs: dict[str, Any], place: str = "") -> None:
    """Return where `inputs` hash to what a bundle's `inputs` state, no more and no less.

    Raises:
        NotVerified: a hash differs, or one side has tools and the other none; the member is named.
        NotCanonical: the inputs have no canonical form.
    """
    for name in ("system_prompt", "messages", "tools"):
        member = f"{name}_sha256"
        got = sha256_of(inputs[name]) if name in inputs else None
        if got != stated.get(member):
            raise NotVerified(
                f"InputHashMismatch:{place}{member} (expected {stated.get(member, 'none')}, got {got or 'none'})",
                what="inputs",
                field=f"{place}inputs.{name}",
            )


def call_of(step: dict[str, Any], inputs: StepInputs, api: str | None) -> Call:
    """What a step of a bundle asks, in a wire API.

    Raises:
        UsageError: there is no such wire API.
    """
    name = api or inputs.api
    chosen = api_named(name) if name else likely_api(step["model"]["vendor"], inputs.inputs)
    return Call(
        chosen.name, step["model"]["id"], step["sampling"], inputs.inputs, inputs.options, inputs.headers
    )


def _measure(step: dict[str, Any], call: Call, embedder: Embedder | None) -> Measure:
    """What the step's tolerance looks at; made before anything is asked, since its embedder may not be here."""
    tolerance = RerunTolerance.of_member(step["tolerance"])
    embeds = tolerance.level == "semantic" and call.api != "openai.embeddings"
    return Measure(tolerance, embedder_for(step["expected"], embedder) if embeds else None)


def _evidence(measure: Measure, heard: Heard, step: dict[str, Any]) -> Evidence:
    """What came, as the tolerance looks at it; where it finds nothing to look at, `verify` will say so."""
    try:
        return measure.of_transcript(heard.transcript, f"{step['model']['vendor']}/{heard.call.model}")
    except UnfitError:
        return Evidence(heard.transcript)
