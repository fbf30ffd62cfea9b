"""A sealed tape, ready to be attested: what follows from its file."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from spantape._spans import names
from spantape.attest import merkle
from spantape.attest.predicate import (
    FINGERPRINT,
    LEAF,
    TREE,
    Attested,
    Digests,
    FingerprintClaim,
    Model,
    Predicate,
    Recorded,
    Statement,
    StepsClaim,
    Subject,
    TapeClaim,
)
from spantape.attest.record import content_of, record_bytes
from spantape.attest.salts import FileDigests, digests_of, salted
from spantape.errors import TapeError
from spantape.tape.build import build_tape
from spantape.tape.limits import DEFAULT, Limits
from spantape.tape.model import Span, Step, Tape
from spantape.tape.read import check_seal, load
from spantape.tape.seal import FORMAT

_RESPONSE_MODEL: Final = "gen_ai.response.model"
_ENVIRONMENT: Final = frozenset(
    {
        "service.name",
        "service.version",
        "telemetry.sdk.language",
        "telemetry.sdk.name",
        "telemetry.sdk.version",
        "process.runtime.name",
        "process.runtime.version",
        "os.type",
        "os.version",
        "host.arch",
        "spantape.version",
    }
)
_COUNTED: Final = re.compile(r"(?s)(?P<kind>.+):(?P<count>[0-9]{1,9})")
_PACKAGES: Final = "spantape.package."
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SealedTape:
    """A tape that was read whole, with the digests of its file and the leaf hashes of its steps."""

    tape: Tape
    file: FileDigests
    leaves: tuple[bytes, ...] = field(repr=False)

    def statement(self, attested: Attested, *, fingerprint: bool = False) -> Statement:
        """What there is to say of the tape, `attested` at that time, with its `fingerprint` openly or hidden."""
        tape = self.tape
        predicate = Predicate(
            tape=TapeClaim(FORMAT, tape.run_id, tape.name, len(tape.spans)),
            fingerprint=self._fingerprint(plain=fingerprint),
            steps=StepsClaim(len(tape.steps), TREE, LEAF, merkle.root(self.leaves).hex()),
            models=models_of(tape.spans),
            environment=environment_of(tape.resource),
            redactions=redactions_of(tape.spans),
            trace_id=_one_trace(tape.steps),
            recorded=_recorded(tape.spans),
            attested=attested,
        )
        return Statement(Subject(Digests(self.file.sha256), _file_name(tape)), predicate)

    def _fingerprint(self, *, plain: bool) -> FingerprintClaim:
        known = self.tape.fingerprint
        hidden = salted(self.file.fingerprint_salt(), bytes.fromhex(known))
        return FingerprintClaim(FINGERPRINT, hidden, known if plain else None)


def read_sealed(path: str | os.PathLike[str], limits: Limits = DEFAULT) -> SealedTape:
    """The sealed tape at `path`, every byte and every payload of it checked.

    Raises:
        TapeNotFound: no tape is there.
        TapeDamaged: it is not what was sealed.
        MissingBase: a body's base is not on the tape.
        TapeError: it has no seal, or cannot be read.
    """
    loaded = load(path, limits)
    if loaded.seal is None:
        raise TapeError(_why_unsealed(journal=loaded.journal), path=loaded.path)
    file = digests_of(loaded.path)
    tape = build_tape(loaded.recording, path=str(loaded.path), sealed=True, limits=limits)
    check_seal(loaded.seal, tape, loaded)
    return SealedTape(tape, file, tuple(leaf_of(step, file) for step in tape.steps))


def leaf_of(step: Step, file: FileDigests) -> bytes:
    """The hash of the leaf of `step`: its salt, then its record."""
    return merkle.leaf_hash(file.step_salt(step.index) + record_bytes(step, content_of(step)))


def _why_unsealed(*, journal: bool) -> str:
    what = "the journal of a recording that was cut short" if journal else "a file without a seal"
    return f"got {what}: nothing vouches that it is complete, so it cannot be attested"


def _file_name(tape: Tape) -> str:
    return os.path.basename(tape.path or "")  # noqa: PTH119 - a name, not a path to follow


# --- what the spans say ------------------------------------------------------------------------------------------


def models_of(spans: Iterable[Span]) -> tuple[Model, ...]:
    """The models that the spans name, each once, sorted."""
    found = set()
    for span in spans:
        asked, answered = (_text(span, key) for key in (names.REQUEST_MODEL, _RESPONSE_MODEL))
        if asked or answered:
            found.add(Model(_text(span, names.PROVIDER), asked, answered))
    return tuple(sorted(found))


def environment_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """What a resource says of the program that was recorded: its runtime, its system, the versions of its packages."""
    return {
        key: value
        for key, value in resource.items()
        if isinstance(value, str) and (key in _ENVIRONMENT or key.startswith(_PACKAGES))
    }


def redactions_of(spans: Iterable[Span]) -> dict[str, int]:
    """How many secrets of each kind were replaced."""
    counts: Counter[str] = Counter()
    for span in spans:
        stated: Any = span.attributes.get(names.REDACTED, ())
        for entry in stated if isinstance(stated, tuple | list) else ():
            if counted := _COUNTED.fullmatch(str(entry)):
                counts[counted["kind"]] += int(counted["count"])
    return dict(counts)


def _text(span: Span, key: str) -> str:
    value = span.attributes.get(key)
    return value if isinstance(value, str) else ""


def _one_trace(steps: Iterable[Step]) -> str | None:
    """The trace that all steps are of, None where they are of several."""
    traces = {step.span.trace_id for step in steps}
    return traces.pop() if len(traces) == 1 else None


def _recorded(spans: Iterable[Span]) -> Recorded | None:
    times = [(span.started_ns, span.ended_ns) for span in spans]
    if not times:
        return None
    return Recorded(rfc3339(min(start for start, _ in times)), rfc3339(max(end for _, end in times)))


def rfc3339(time_ns: int) -> str:
    """The second in which `time_ns`, nanoseconds since the epoch, lies."""
    moment = _EPOCH + timedelta(seconds=time_ns // 1_000_000_000)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
