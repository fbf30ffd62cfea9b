"""Verifying under a policy: `policy.json` names public key files below `keys/`, and whether unsigned will do."""

from __future__ import annotations

from collections.abc import Iterator

from cases.common import ACTUAL, OTHER, Case, Json, case, changed, drop, pretty, put, signed
from spantape.rerun import sign


def cases() -> Iterator[Case]:
    """All of them."""
    bundle = signed()
    unsigned = changed(bundle, drop("signature"))
    edited = changed(bundle, put("model.id", "gpt-4o-mini"))
    signer = ["signer.pub.json"]
    yield _case("trusted-key-passes", "signed by the one that is trusted", bundle, signer)
    yield _case(
        "one-of-many-passes", "by one of the trusted", bundle, ["other.pub.pem", "many.authorized_keys"]
    )
    for name in ("signer.pub.pem", "signer.pub.openssh", "signer.pub.base64", "signer.key.json"):
        yield _case(f"key-as-{name}", "the same key in another form", bundle, [name])
    yield _case("unsigned-fails", "unsigned, and a key is trusted", unsigned, signer, "Unsigned:")
    yield _case("stripped-fails", "a signature taken off is no signature", unsigned, signer, "Unsigned:")
    yield _case("another-key-fails", "signed by another key", sign(bundle, OTHER), signer, "UnknownKey:")
    yield _case(
        "resigned-after-edit-fails",
        "edited, signed anew by another",
        sign(edited, OTHER),
        signer,
        "UnknownKey:",
    )
    swapped = changed(edited, put("signature.pubkey", OTHER.public.to_base64()))
    yield _case("swapped-key-fails", "edited, the key swapped only", swapped, signer, "BadSignature:")
    yield _case("edited-fails", "edited, the trusted key left in", edited, signer, "BadSignature:")
    yield _case(
        "signature-required-passes", "signed by anyone will do", sign(bundle, OTHER), [], required=True
    )
    yield _case(
        "signature-required-fails",
        "unsigned, any signature will do",
        unsigned,
        [],
        "Unsigned:",
        required=True,
    )
    yield _case("nothing-required-passes", "no policy is v0.1", unsigned, [])
    yield _case(
        "unsigned-and-other-inputs",
        "both are told",
        unsigned,
        signer,
        "Unsigned:",
        "InputHashMismatch:messages_sha256",
        actual=changed(ACTUAL, put("inputs.messages", [])),
    )


def _case(
    name: str,
    description: str,
    bundle: Json,
    trusted: list[str],
    *errors: str,
    required: bool = False,
    actual: Json = ACTUAL,
) -> Case:
    made = case(name, description, bundle, actual, errors=errors)
    policy = {"trusted_keys": trusted, "require_signature": required}
    made.files["policy.json"] = pretty(policy)
    return made
