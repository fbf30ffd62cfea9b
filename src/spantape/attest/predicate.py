"""What an attestation says: an in-toto Statement over the file of a tape, with a predicate of our own.

`vectors/attestation/README.md` specifies the predicate and every rule by which its members follow from the tape.

See: <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>
"""

from __future__ import annotations

from os import PathLike
from typing import Annotated, Any, Final, Literal

import msgspec

from spantape.attest._read import decoded
from spantape.attest.dsse import LARGEST, Envelope
from spantape.errors import SchemaViolation
from spantape.tape.fingerprint import canonical

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:spantape:attestation:tape:v1"

FINGERPRINT: Final = "spantape.fingerprint.v1"
TREE: Final = "rfc6962-sha256"
LEAF: Final = "spantape.step.v1"

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""64 lowercase hex digits."""

Time = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")]
"""A time in whole seconds, UTC (RFC 3339)."""

Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 53) - 1)]


class Strict(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An object of ours: no member may be missing, none may be added."""


class TapeClaim(Strict, frozen=True):
    """Which tape: the version of its format, its run, how many spans it holds."""

    format: Literal[1]
    run_id: str
    name: str
    spans: Count


class FingerprintClaim(Strict, frozen=True):
    """The fingerprint of the tape, hidden under a salt: `salted` is sha256(salt ‖ fingerprint).

    `plain` is the fingerprint itself where it was to be stated openly.
    """

    algorithm: Literal["spantape.fingerprint.v1"]
    salted: Sha256
    plain: Sha256 | None


class StepsClaim(Strict, frozen=True):
    """The steps of the tape, as the Merkle tree over their records."""

    count: Count
    tree: Literal["rfc6962-sha256"]
    leaf: Literal["spantape.step.v1"]
    root: Sha256


class Model(Strict, frozen=True, order=True):
    """A model that was asked, each member "" where no span says it: provider, model asked for, model that answered."""

    provider: str
    requested: str
    answered: str


class Recorded(Strict, frozen=True):
    """When the first span of the tape began and the last one ended, by the recording machine's clock."""

    started: Time
    ended: Time


class Attested(Strict, frozen=True):
    """When the attestation was made, by the attesting machine's clock, and by which software."""

    time: Time
    software: str


class Predicate(Strict, frozen=True):
    """What is attested of a tape; all of it but `attested` follows from the tape."""

    tape: TapeClaim
    fingerprint: FingerprintClaim
    steps: StepsClaim
    models: tuple[Model, ...]
    environment: dict[str, str]
    redactions: dict[str, Count]
    trace_id: str | None
    recorded: Recorded | None
    attested: Attested


class Digests(msgspec.Struct, frozen=True):
    """The digests of a subject; those of other algorithms are passed over."""

    sha256: Sha256


class Subject(msgspec.Struct, frozen=True):
    """The file that a statement is about; only its digest counts."""

    digest: Digests
    name: str = ""


class Statement(msgspec.Struct, frozen=True):
    """An in-toto Statement of our predicate type."""

    subject: Subject
    predicate: Predicate

    def to_json(self) -> bytes:
        """The payload of an envelope: canonical JSON (RFC 8785)."""
        return canonical(
            {
                "_type": STATEMENT_TYPE,
                "subject": [msgspec.to_builtins(self.subject)],
                "predicateType": PREDICATE_TYPE,
                "predicate": msgspec.to_builtins(self.predicate),
            }
        )


class _Form(msgspec.Struct, rename={"type": "_type", "predicate_type": "predicateType"}):
    """A statement as JSON, of whatever predicate; members of others are passed over, as in-toto demands."""

    type: str
    subject: list[Subject]
    predicate_type: str


class _OfOurs(msgspec.Struct):
    predicate: Predicate


def read_statement(
    envelope: Envelope, *, what: str = "attestation", path: str | PathLike[str] | None = None
) -> Statement:
    """The statement that is the payload of an envelope, whoever signed it.

    Raises:
        SchemaViolation: the payload is no statement of our predicate type about one file; names the member.
    """

    def refuse_other(got: Any, expected: object, field: str) -> None:
        if got != expected:
            raise SchemaViolation(
                f"got {got!r:.80}, expected {expected!r}", what=what, path=path, field=field
            )

    refuse_other(envelope.payload_type, PAYLOAD_TYPE, "payloadType")
    form = decoded(envelope.payload, _Form, what=what, path=path, largest=LARGEST)
    refuse_other(form.type, STATEMENT_TYPE, "_type")
    refuse_other(form.predicate_type, PREDICATE_TYPE, "predicateType")
    refuse_other(len(form.subject), 1, "length of subject")
    ours = decoded(envelope.payload, _OfOurs, what=what, path=path, largest=LARGEST)
    return Statement(form.subject[0], ours.predicate)
