"""Production traces that replay: an OpenTelemetry instrumentation SDK for Python agents.

The public names are loaded when they are first used, so that `import spantape` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spantape._imports import uncollected
from spantape._version import __version__

if TYPE_CHECKING:
    from spantape._instrument import Instrumentation, instrument, uninstrument
    from spantape._seams.tools import agent, tool
    from spantape._use import record, replay, use
    from spantape.errors import (
        BadSignature,
        ClaimMismatch,
        DigestMismatch,
        Drift,
        EmbedderError,
        EndpointError,
        EvidenceError,
        FingerprintMismatch,
        KeyFileError,
        Miss,
        MissingBase,
        NotCanonical,
        NotCut,
        NotReplayable,
        NotVerified,
        OtherTape,
        PartialTapeWarning,
        PolicyError,
        ProofMismatch,
        RecordingWarning,
        ReplayedError,
        RoundTripWarning,
        SchemaViolation,
        SeamError,
        SpantapeError,
        TapeDamaged,
        TapeError,
        TapeNotFound,
        UnknownKey,
        Unsigned,
        UnusedSteps,
        UsageError,
    )
    from spantape.player.rules import MatchRules
    from spantape.semantic.matches import matches
    from spantape.tape.diff import diff
    from spantape.tape.model import Tape
    from spantape.tape.read import read_tape

_HOMES = {
    "spantape._instrument": ("Instrumentation", "instrument", "uninstrument"),
    "spantape._seams.tools": ("agent", "tool"),
    "spantape._use": ("record", "replay", "use"),
    "spantape.errors": (
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
    ),
    "spantape.player.rules": ("MatchRules",),
    "spantape.semantic.matches": ("matches",),
    "spantape.tape.diff": ("diff",),
    "spantape.tape.model": ("Tape",),
    "spantape.tape.read": ("read_tape",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BadSignature",
    "ClaimMismatch",
    "DigestMismatch",
    "Drift",
    "EmbedderError",
    "EndpointError",
    "EvidenceError",
    "FingerprintMismatch",
    "Instrumentation",
    "KeyFileError",
    "MatchRules",
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
    "Tape",
    "TapeDamaged",
    "TapeError",
    "TapeNotFound",
    "UnknownKey",
    "Unsigned",
    "UnusedSteps",
    "UsageError",
    "__version__",
    "agent",
    "diff",
    "instrument",
    "matches",
    "read_tape",
    "record",
    "replay",
    "tool",
    "uninstrument",
    "use",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'spantape' has no attribute {name!r}")
    with uncollected():
        value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
