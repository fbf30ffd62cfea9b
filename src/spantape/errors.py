"""What can go wrong, as one tree.

::

    SpantapeError                 everything below is one; catch it to catch all but a Miss
    ├── UsageError                a call that cannot mean anything (also a ValueError)
    │   └── PolicyError           a policy file that cannot mean anything; names file, table and key
    ├── SeamError                 a library is not shaped as its seam expects; nothing was installed
    ├── TapeError                 a tape cannot be read, written or believed; names file, step and field
    │   ├── TapeNotFound          no tape is there (also a FileNotFoundError)
    │   ├── TapeDamaged           bytes are not the bytes that were written
    │   ├── MissingBase           a delta payload whose base is not on the tape
    │   ├── NotReplayable         the tape was recorded without payloads, or a span was cut on its way
    │   └── NotCut                a step that no rerun bundle can be made of: no model call, failed, or not all there
    ├── EndpointError             a rerun got no answer, from a model endpoint or a tape; carries status and body
    ├── UnusedSteps               a replay ended with recorded steps that nobody asked for
    ├── ReplayedError             a recorded tool's exception, of a class that is not loaded here
    ├── EmbedderError             a model that makes vectors cannot be loaded or reached, or gave none
    ├── EvidenceError             a bundle, an attestation or a key cannot be read or believed; names file and field
    │   ├── SchemaViolation       a document is not what its version says; names the member
    │   ├── NotCanonical          JSON without a canonical form (also a ValueError)
    │   ├── KeyFileError          a key cannot be read or written: why, and which file
    │   └── NotVerified           a check failed; carries the result with all that failed
    │       ├── BadSignature      the bytes are not what the key signed
    │       ├── Unsigned          nobody signed, and a signature is asked for
    │       ├── UnknownKey        signed by a key that is not trusted
    │       ├── OtherTape         an attestation is of another run than the tape beside it
    │       ├── DigestMismatch    a tape's file is not the one that was attested: it was changed afterwards
    │       ├── FingerprintMismatch  the attested fingerprint is not the tape's
    │       ├── ClaimMismatch     an attestation says of its tape what the tape does not hold
    │       └── ProofMismatch     a disclosed step is not the one in the attested tree
    └── Drift                     a live run differs from its tape (mode rerecord, when asked to fail)

    Miss(BaseException)           a replayed program asked for something the tape does not hold

    PartialTapeWarning            a tape without a seal was read: its recording was cut short
    RoundTripWarning              a tool result will not come back as the value it was
    RecordingWarning              something was not recorded, and why

`Miss` derives from `BaseException` because SDKs catch `Exception` and retry: a miss that they swallow
would turn into a different run. It is raised again when the replay block is left.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike, fspath
from typing import Any, ClassVar, Literal

__all__ = [
    "BadSignature",
    "ClaimMismatch",
    "DigestMismatch",
    "Drift",
    "EmbedderError",
    "EndpointError",
    "EvidenceError",
    "FingerprintMismatch",
    "KeyFileError",
    "Miss",
    "MissingBase",
    "NotCanonical",
    "NotCut",
    "NotReplayable",
    "NotVerified",
    "OtherTape",
    "PartialTapeWarning",
    "PolicyError",
    "ProofMismatch",
    "RecordingWarning",
    "ReplayedError",
    "RoundTripWarning",
    "SchemaViolation",
    "SeamError",
    "SpantapeError",
    "TapeDamaged",
    "TapeError",
    "TapeNotFound",
    "UnknownKey",
    "Unsigned",
    "UnusedSteps",
    "UsageError",
]


class SpantapeError(Exception):
    """Base of every error that spantape raises, `Miss` excepted."""


class UsageError(SpantapeError, ValueError):
    """A call that cannot mean anything: what was given, and what is accepted."""


class PolicyError(UsageError):
    """A policy file that cannot be read, or says what no policy says.

    `path` is the file, `table` and `key` the place in it, each None or "" where it does not apply. The message names
    all of them.
    """

    def __init__(
        self, reason: str, *, path: str | None = None, table: str | None = None, key: str | None = None
    ) -> None:
        self.reason, self.path, self.table, self.key = reason, path, table, key
        file = "policy" if path is None else f"policy {path!r}"
        place = [file, f"[{table}]" if table else "", key or ""]
        super().__init__(f"{', '.join(part for part in place if part)}: {reason}")


class SeamError(SpantapeError):
    """A library is not shaped as its seam expects, so nothing was installed there."""


class TapeError(SpantapeError):
    """A tape cannot be read, written or believed.

    `path` is the file, `step` the index of the step counted from 0, and `field` the member of it, each
    None where it does not apply. The message names all of them.
    """

    def __init__(
        self,
        reason: str,
        *,
        path: str | PathLike[str] | None = None,
        step: int | None = None,
        field: str | None = None,
    ) -> None:
        self.reason = reason
        self.path = None if path is None else fspath(path)
        self.step = step
        self.field = field
        super().__init__(self._message())

    def _message(self) -> str:
        where = [
            None if self.path is None else f"tape {self.path!r}",
            None if self.step is None else f"step {self.step}",
            self.field,
        ]
        place = ", ".join(part for part in where if part)
        return f"{place}: {self.reason}" if place else self.reason


class TapeNotFound(TapeError, FileNotFoundError):
    """No tape is at the path that was given."""


class TapeDamaged(TapeError):
    """The bytes of a tape are not the bytes that were written: a flipped bit, a cut, an edit."""


class MissingBase(TapeError):
    """A delta payload names a base body that is not on the tape, so its own body cannot be told."""


class NotReplayable(TapeError):
    """The tape lacks what a replay needs: it was recorded without payloads, or a span was cut on its way."""


class NotCut(TapeError):
    """A step that no rerun bundle can be made of.

    `why` is "other" for a step that calls no model, "failed" for a call without an answer to expect, "lost" for one
    that the tape does not hold as it was (without content, redacted, damaged) or that has no canonical form, and
    "unfit" for one with nothing in its answer that the tolerance compares.
    """

    def __init__(
        self,
        reason: str,
        *,
        why: Literal["other", "failed", "lost", "unfit"] = "other",
        path: str | PathLike[str] | None = None,
        step: int | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(reason, path=path, step=step, field=field)
        self.why = why


class EndpointError(SpantapeError):
    """A rerun got no answer: a model endpoint refused it or did not answer, or a tape holds no such call.

    `status` is the HTTP status, None where none came; `body` the text that came with it.
    """

    def __init__(self, message: str, *, status: int | None = None, body: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class UnusedSteps(SpantapeError):
    """A replay ended with recorded steps that the program did not ask for."""


class ReplayedError(SpantapeError):
    """The exception that a recorded tool raised, of a class that is not loaded here or wants more than a message."""


class EmbedderError(SpantapeError):
    """A model that makes vectors of texts cannot be loaded or reached, or gave something else than vectors."""


class Drift(SpantapeError):
    """A live run differs from its tape."""


class EvidenceError(SpantapeError):
    """A bundle, an attestation or a key cannot be read or believed.

    `what` says which document it is ("bundle", "actual", "key"), `path` its file, and `field` the member of it
    (`sampling.temperature`), each None where it does not apply. The message names all of them.
    """

    def __init__(
        self,
        reason: str,
        *,
        what: str | None = None,
        path: str | PathLike[str] | None = None,
        field: str | None = None,
    ) -> None:
        self.reason = reason
        self.what = what
        self.path = None if path is None else fspath(path)
        self.field = field
        super().__init__(self._message())

    def _message(self) -> str:
        file = None if self.path is None else repr(self.path)
        document = " ".join(part for part in (self.what, file) if part)
        place = ", ".join(part for part in (document, self.field) if part)
        return f"{place}: {self.reason}" if place else self.reason


class SchemaViolation(EvidenceError):
    """A document is not what its version says: a member missing, unknown, or of the wrong type."""


class NotCanonical(EvidenceError, ValueError):
    """JSON that has no canonical form (RFC 8785): NaN, a member twice, half a surrogate, a number no double holds."""


class KeyFileError(EvidenceError):
    """A key cannot be read or written: no file, not a key, not Ed25519, a wrong passphrase."""


class NotVerified(EvidenceError):
    """A check failed. `result` is the whole outcome, with every check that failed."""

    def __init__(
        self,
        reason: str,
        *,
        result: Any = None,
        what: str | None = None,
        path: str | PathLike[str] | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(reason, what=what, path=path, field=field)
        self.result = result


class BadSignature(NotVerified):
    """The bytes are not what the key signed."""


class Unsigned(NotVerified):
    """Nobody signed the document, and the policy asks for a signature."""


class UnknownKey(NotVerified):
    """The document is signed, by a key that the policy does not trust."""


class OtherTape(NotVerified):
    """The attestation is of another run than the tape that it was given for."""


class DigestMismatch(NotVerified):
    """The tape's file is not the one that was attested, though it is of the same run: it was changed afterwards."""


class FingerprintMismatch(NotVerified):
    """The attested fingerprint is not the one of the tape."""


class ClaimMismatch(NotVerified):
    """The attestation says of its tape what the tape does not hold; `field` is the member that says it."""


class ProofMismatch(NotVerified):
    """A disclosed step is not the one that the attested tree has in its place, or its content is not what was recorded."""


class Miss(BaseException):
    """A replayed program asked for something that its tape does not hold.

    The message shows a field-level difference to the nearest recorded step. `path` is the tape.
    """

    on_made: ClassVar[Callable[[Miss], None] | None] = None
    """Called with each miss as it is made: the pytest plugin turns it into an outcome that pytest knows."""

    def __init__(self, message: str, *, path: str | PathLike[str] | None = None) -> None:
        super().__init__(message)
        self.path = None if path is None else fspath(path)
        if Miss.on_made is not None:
            Miss.on_made(self)


class PartialTapeWarning(UserWarning):
    """A tape without a seal was read: its recording was cut short; what is there is whole."""


class RoundTripWarning(UserWarning):
    """A tool result will not come back from the tape as the value it was."""


class RecordingWarning(UserWarning):
    """Something was not recorded; the message says what and why."""
