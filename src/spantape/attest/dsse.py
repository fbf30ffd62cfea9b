"""DSSE envelopes: a payload, its type, and signatures over both.

::

    envelope = sign(PAYLOAD_TYPE, payload, [key])
    signers = signers_of(envelope, load_trust(["reviewers/"]))     # or raises

See: <https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md>
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Annotated, Final

import msgspec

from spantape.attest._read import decoded
from spantape.errors import BadSignature, NotVerified, SchemaViolation, UnknownKey, Unsigned
from spantape.rerun.keys import PrivateKey, TrustedKey

LARGEST: Final = 1 << 20
"""An envelope in a file of its own has at most this many bytes."""

MOST_SIGNATURES: Final = 64

_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature. `keyid` hints at the key that made it, "" for no hint; anyone may have written it."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with signatures over it and its type; that one exists proves nothing: see `signers_of`."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def to_json(self) -> bytes:
        """The JSON form, in one line with a line end."""
        return msgspec.json.encode(self.to_object()) + b"\n"

    def to_object(self) -> dict[str, object]:
        """The JSON form as a value; base64 is the standard one."""
        return {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [
                {"keyid": each.keyid, "sig": base64.b64encode(each.sig).decode()} for each in self.signatures
            ],
        }


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that a DSSE signature covers.

    Lengths are decimal counts of UTF-8 bytes. The payload is taken as it is, never parsed or encoded anew.
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: bytes, keys: Iterable[PrivateKey]) -> Envelope:
    """An envelope with one signature of each key, in their order."""
    signed = pae(payload_type, payload)
    signatures = tuple(Signature(key.id, key.sign(signed)) for key in keys)
    return Envelope(payload_type, payload, signatures)


def signers_of(
    envelope: Envelope, trust: Sequence[TrustedKey], *, what: str = "attestation", path: str | None = None
) -> tuple[TrustedKey, ...]:
    """The trusted keys that signed the envelope, at least one, each once, in order of the signatures.

    Every trusted key is tried on every signature, whatever the signature's `keyid` says. Signatures that are of none
    of them count for nothing. `what` and `path` are what errors name.

    Raises:
        Unsigned: there is no signature.
        BadSignature: one says that it is by a trusted key, and is not; and no other is by a trusted key.
        UnknownKey: none is by a trusted key.
    """
    if not envelope.signatures:
        raise Unsigned("the envelope holds no signature", what=what, path=path, field="signatures")
    signed = pae(envelope.payload_type, envelope.payload)
    found = [_signer(each, signed, trust) for each in envelope.signatures]
    signers = tuple({key.key.raw: key for key in found if key is not None}.values())
    if not signers:
        raise _refusal(envelope, trust, what, path)
    return signers


def unproven(envelope: Envelope, signers: Iterable[TrustedKey]) -> tuple[str, ...]:
    """The keyids of those signatures that are of none of the `signers`."""
    signed = pae(envelope.payload_type, envelope.payload)
    held = tuple(signers)
    return tuple(each.keyid for each in envelope.signatures if _signer(each, signed, held) is None)


def _signer(signature: Signature, signed: bytes, trust: Iterable[TrustedKey]) -> TrustedKey | None:
    for trusted in trust:
        try:
            trusted.key.verify(signature.sig, signed)
        except BadSignature:
            continue
        return trusted
    return None


def _refusal(envelope: Envelope, trust: Sequence[TrustedKey], what: str, path: str | None) -> NotVerified:
    by_id = {trusted.key.id: trusted for trusted in trust}
    for index, signature in enumerate(envelope.signatures):
        if (claimed := by_id.get(signature.keyid)) is not None:
            return BadSignature(
                f"says that it is by {claimed}, and that key did not sign this payload",
                what=what,
                path=path,
                field=f"signatures[{index}]",
            )
    hints = ", ".join(_hint(signature) for signature in envelope.signatures[:3])
    if not trust:
        reason = (
            f"signed by an unknown key ({hints}): no key is trusted; name those that are with --trust KEY|DIR"
        )
    else:
        reason = f"signed by an unknown key ({hints}), expected one of the {len(trusted_ids(trust))} trusted"
    return UnknownKey(reason, what=what, path=path, field="signatures")


def trusted_ids(trust: Iterable[TrustedKey]) -> tuple[str, ...]:
    """The ids of the keys, each once."""
    return tuple(dict.fromkeys(trusted.key.id for trusted in trust))


def _hint(signature: Signature) -> str:
    return f"it says {signature.keyid[:_SHOWN]!r}" if signature.keyid else "it does not say which"


# --- reading -----------------------------------------------------------------------------------------------------


class SignatureForm(msgspec.Struct, frozen=True):
    """A signature as JSON; members of others are passed over, as the DSSE text demands."""

    sig: str
    keyid: str = ""


class EnvelopeForm(msgspec.Struct, frozen=True, rename="camel"):
    """An envelope as JSON; members of others are passed over."""

    payload: str
    payload_type: str
    signatures: Annotated[tuple[SignatureForm, ...], msgspec.Meta(max_length=MOST_SIGNATURES)]


def read_envelope(data: bytes, *, path: str | PathLike[str] | None = None) -> Envelope:
    """The envelope that a JSON text holds.

    Raises:
        SchemaViolation: it is not one; names the member.
    """
    form = decoded(data, EnvelopeForm, what="attestation", path=path, largest=LARGEST)
    return envelope_of(form, what="attestation", path=path)


def envelope_of(
    form: EnvelopeForm, *, what: str, path: str | PathLike[str] | None, prefix: str = ""
) -> Envelope:
    """The envelope of its JSON form; members are named behind `prefix`.

    Raises:
        SchemaViolation: a member is not base64.
    """

    def octets(text: str, field: str) -> bytes:
        try:
            return read_base64(text)
        except ValueError as error:
            raise SchemaViolation(str(error), what=what, path=path, field=prefix + field) from error

    signatures = (
        Signature(each.keyid, octets(each.sig, f"signatures[{index}].sig"))
        for index, each in enumerate(form.signatures)
    )
    return Envelope(form.payload_type, octets(form.payload, "payload"), tuple(signatures))


def read_base64(text: str) -> bytes:
    """The bytes of base64 text, standard or URL-safe, with its padding.

    Raises:
        ValueError: it is neither, or has bits that mean nothing.
    """
    standard = text.translate({ord("-"): "+", ord("_"): "/"}) if not {"+", "/"} & set(text) else text
    try:
        octets = base64.b64decode(standard, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"got {text[:_SHOWN]!r}, expected base64 ({error})") from error
    if base64.b64encode(octets).decode() != standard:
        raise ValueError(f"got {text[:_SHOWN]!r}, expected base64 without stray bits")
    return octets
