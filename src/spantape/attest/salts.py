"""The salts that keep what is not disclosed from being guessed.

A tape's salts are worked out from its file, so they are kept nowhere: who has the tape has them, and who has not
cannot come by them more easily than by guessing the whole file, whose digest every attestation states anyway.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from spantape.errors import TapeError

SALT_BYTES: Final = 32

_SEED: Final = b"spantape.attestation.seed.v1"
_READ_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FileDigests:
    """A file's sha256 in hex, which anyone may know, and the seed of its salts, which nobody else should."""

    sha256: str
    seed: bytes = field(repr=False)

    def step_salt(self, index: int) -> bytes:
        """The salt of the step `index`; it tells nothing of the others."""
        return hmac.digest(self.seed, b"step %d" % index, "sha256")

    def fingerprint_salt(self) -> bytes:
        """The salt of the fingerprint."""
        return hmac.digest(self.seed, b"fingerprint", "sha256")


def digests_of(path: str | os.PathLike[str]) -> FileDigests:
    """The digests of the file at `path`.

    Raises:
        TapeError: it cannot be read.
    """
    sha256, seed = hashlib.sha256(), hmac.new(_SEED, digestmod="sha256")
    try:
        with Path(path).open("rb") as file:
            while data := file.read(_READ_BYTES):
                sha256.update(data)
                seed.update(data)
    except OSError as error:
        raise TapeError(f"cannot be read ({error})", path=path) from error
    return FileDigests(sha256.hexdigest(), seed.digest())


def salted(salt: bytes, data: bytes) -> str:
    """The hex sha256 of `data` under `salt`."""
    return hashlib.sha256(salt + data).hexdigest()
