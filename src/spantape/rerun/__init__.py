"""Signed rerun bundles: what a model was asked and what is expected of it, for anyone to check (rerun.json v0.1).

::

    from spantape.rerun import PrivateKey, TrustPolicy, capture, verify

    key = PrivateKey.generate()
    bundle = capture(step, key)                                     # a step record, see vectors/rerun/README.md
    proven = verify(bundle, actual, TrustPolicy([key.public]))      # or raises Unsigned, UnknownKey, NotVerified …
    print(proven.signer.id, proven.warnings)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spantape.rerun.bundles import Bundle, capture, read_bundle, sign, to_bytes, write_bundle
from spantape.rerun.canonical import canonicalize, sha256_of
from spantape.rerun.embedding import decode_embedding, encode_embedding
from spantape.rerun.keys import (
    PrivateKey,
    PublicKey,
    TrustedKey,
    load_private_key,
    load_public_key,
    load_trust,
    save_private_key,
    save_public_key,
)
from spantape.rerun.policy import TrustPolicy
from spantape.rerun.reading import read_json
from spantape.rerun.schema import EXTENDED, VERSION
from spantape.rerun.verifying import Result, Verified, check, verify

if TYPE_CHECKING:
    from spantape.rerun.apply_endpoint import Endpoint
    from spantape.rerun.apply_inputs import StepInputs, read_step_inputs, step_inputs
    from spantape.rerun.applying import apply
    from spantape.rerun.cut_together import Together, together
    from spantape.rerun.cutting import Cut, Cutter, cut

__all__ = [
    "EXTENDED",
    "VERSION",
    "Bundle",
    "Cut",
    "Cutter",
    "Endpoint",
    "PrivateKey",
    "PublicKey",
    "Result",
    "StepInputs",
    "Together",
    "TrustPolicy",
    "TrustedKey",
    "Verified",
    "apply",
    "canonicalize",
    "capture",
    "check",
    "cut",
    "decode_embedding",
    "encode_embedding",
    "load_private_key",
    "load_public_key",
    "load_trust",
    "read_bundle",
    "read_json",
    "read_step_inputs",
    "save_private_key",
    "save_public_key",
    "sha256_of",
    "sign",
    "step_inputs",
    "to_bytes",
    "together",
    "verify",
    "write_bundle",
]

_HOMES = {
    "apply_endpoint": ("Endpoint",),
    "apply_inputs": ("StepInputs", "read_step_inputs", "step_inputs"),
    "applying": ("apply",),
    "cut_together": ("Together", "together"),
    "cutting": ("Cut", "Cutter", "cut"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """What reads tapes and asks endpoints is loaded when it is first used: who verifies needs neither."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'spantape.rerun' has no attribute {name!r}")
    globals()[name] = getattr(import_module(f"spantape.rerun.{home}"), name)
    return globals()[name]
