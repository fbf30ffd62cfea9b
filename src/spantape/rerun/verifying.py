"""Whether an actual record is what a bundle states, and whether the bundle is what its signer signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NoReturn

from spantape.errors import (
    BadSignature,
    KeyFileError,
    NotCanonical,
    NotVerified,
    SchemaViolation,
    UnknownKey,
    Unsigned,
)
from spantape.rerun._base64 import from_base64
from spantape.rerun.bundles import Bundle, signed_bytes
from spantape.rerun.comparing import Outcome, compare_step
from spantape.rerun.keys import PublicKey, TrustedKey
from spantape.rerun.policy import TrustPolicy
from spantape.rerun.reading import read_json
from spantape.rerun.schema import EXTENDED, check_actual, check_bundle

__all__ = ["Result", "Verified", "check", "verify"]

Document = dict[str, Any] | bytes
"""A JSON object, or the text of one as it was read from a file."""

_ANYONE: Final = TrustPolicy()
_REMEMBERED_BYTES: Final = 1 << 16  # of a payload whose proof is kept
_KINDS: Final = {"BadSignature": BadSignature, "Unsigned": Unsigned, "UnknownKey": UnknownKey}
_RANK: Final = ("Unsigned", "BadSignature", "UnknownKey")
"""Which error `verify` raises where several hold: who is asked for comes before what was said."""


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome in the words of rerun.json v0.1: each error starts with its kind and a colon."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    def to_json(self) -> dict[str, Any]:
        """`{"verified", "errors", "warnings"}`."""
        return {"verified": self.verified, "errors": list(self.errors), "warnings": list(self.warnings)}


@dataclass(frozen=True, slots=True)
class Verified:
    """What was proven: this actual record is what this bundle states.

    `signer` is the key whose signature over the bundle holds, None where it is unsigned and the policy asks for no
    signature; `trusted` is the entry of the policy that it is, None where the policy names no keys. The documents
    are the caller's own objects where objects were given.
    """

    bundle: Bundle
    actual: dict[str, Any] = field(repr=False)
    signer: PublicKey | None = None
    trusted: TrustedKey | None = None
    warnings: tuple[str, ...] = ()


def verify(bundle: Document, actual: Document, policy: TrustPolicy | None = None) -> Verified:
    """What is proven of an actual record by a bundle: its contents, and who signed it.

    Raises:
        SchemaViolation: the bundle or the record is not what its version says.
        Unsigned: there is no signature, and the policy asks for one, or the bundle says that it had one.
        BadSignature: the signature does not hold.
        UnknownKey: the bundle is signed by a key that the policy does not name.
        NotVerified: inputs or output are not what the bundle states. The four last carry the whole `Result`.
    """
    policy = policy or _ANYONE
    checked = _check(bundle, actual, policy)
    if checked.result.errors:
        _raise(checked.result)
    return Verified(
        checked.bundle,
        checked.actual,
        checked.signer,
        None if checked.signer is None else policy.find(checked.signer),
        checked.result.warnings,
    )


def check(bundle: Document, actual: Document, policy: TrustPolicy | None = None) -> Result:
    """The outcome of every check as rerun.json v0.1 words it, for reports; `verify` is for who acts on it."""
    try:
        return _check(bundle, actual, policy or _ANYONE).result
    except SchemaViolation as error:
        return Result((schema_error(error),))


@dataclass(frozen=True, slots=True)
class _Checked:
    bundle: Bundle
    actual: dict[str, Any]
    signer: PublicKey | None
    result: Result


def _check(bundle: Document, actual: Document, policy: TrustPolicy) -> _Checked:
    stated = _read(bundle, "bundle")
    check_bundle(stated)
    got = _read(actual, "actual")
    extended = stated["rerun_version"] == EXTENDED
    check_actual(got, extended=extended)
    outcome = Outcome()
    _compare(stated, got, outcome, extended=extended)  # what has no canonical form ends it here
    signer, refused = _signature(stated, policy)
    return _Checked(stated, got, signer, Result((*refused, *outcome.errors), tuple(outcome.warnings)))


def _read(document: Document, what: str) -> Any:
    if not isinstance(document, bytes):
        return document
    try:
        return read_json(document)
    except NotCanonical as error:
        raise SchemaViolation(error.reason, what=what, field=error.field) from error


# --- the signature -----------------------------------------------------------------------------------------------


def _signature(bundle: Bundle, policy: TrustPolicy) -> tuple[PublicKey | None, list[str]]:
    """The key whose signature holds, if one does, and what is wrong."""
    signature, declared = bundle.get("signature"), bundle.get("signer")
    if signature is None:
        return None, list(_unsigned(declared, policy))
    try:
        key = _signer(bundle, signature, declared)
    except BadSignature as error:
        return None, [f"BadSignature:{error.reason}"]
    if not policy.trusts(key):
        return None, [f"UnknownKey:{key.id} ({key.to_base64()}) is none of the trusted keys"]
    return key, []


def _signer(bundle: Bundle, signature: dict[str, Any], declared: dict[str, Any] | None) -> PublicKey:
    key, payload = _public_key(signature["pubkey"]), signed_bytes(bundle)
    prove = _prove_once if len(payload) <= _REMEMBERED_BYTES else _prove
    prove(key, _decoded(signature["sig"], "sig"), payload)
    if declared is not None and declared["pubkey"] != signature["pubkey"]:
        raise BadSignature("signed by another key than the signer that the bundle names")
    return key


def _prove(key: PublicKey, signature: bytes, payload: bytes) -> None:
    key.verify(signature, payload)


_prove_once = lru_cache(maxsize=256)(_prove)
"""One bundle is held against many records: that its signature holds is found out once. Failures are not kept."""


def _unsigned(declared: dict[str, Any] | None, policy: TrustPolicy) -> Iterator[str]:
    if declared is not None:
        yield f"Unsigned:the bundle names its signer {declared['pubkey']}, and its signature was taken off"
    elif policy.asks_for_signature:
        yield "Unsigned:the bundle has no signature, and one is asked for"


def _public_key(text: str) -> PublicKey:
    try:
        return PublicKey(_decoded(text, "pubkey"))
    except KeyFileError as error:
        raise BadSignature(f"pubkey: {error.reason}") from error


def _decoded(text: str, member: str) -> bytes:
    try:
        return from_base64(text)
    except ValueError as error:
        raise BadSignature(f"{member}: {error}") from error


# --- the steps ---------------------------------------------------------------------------------------------------


def _compare(bundle: Bundle, actual: dict[str, Any], outcome: Outcome, *, extended: bool) -> None:
    if not extended:
        compare_step(bundle, actual, outcome)
        return
    steps, got = bundle["steps"], actual["steps"]
    if len(steps) != len(got):
        outcome.fail("StepCountMismatch", "", f"expected {len(steps)}, got {len(got)}")
    for index, (step, seen) in enumerate(zip(steps, got, strict=False)):
        place = f"steps[{index}]"
        if step.get("id") != seen.get("id", step.get("id")):
            outcome.fail("StepMismatch", place, f"expected id {step.get('id')!r}, got {seen['id']!r}")
        compare_step(step, seen, outcome, place)


# --- errors ------------------------------------------------------------------------------------------------------


def schema_error(error: SchemaViolation | NotCanonical) -> str:
    """The violation as v0.1 words it: `SchemaViolation:bundle: …`."""
    place = f"{error.field}: " if error.field else ""
    return f"SchemaViolation:{error.what}: {place}{error.reason}"


def _raise(result: Result) -> NoReturn:
    kinds = {error.partition(":")[0]: error.partition(":")[2] for error in reversed(result.errors)}
    for kind in _RANK:
        if kind in kinds:
            raise _KINDS[kind](kinds[kind], what="bundle", result=result)
    raise NotVerified("; ".join(result.errors), what="actual", result=result)
