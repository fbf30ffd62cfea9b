"""Ed25519 keys as values, with every text form that they are kept in."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from spantape.errors import BadSignature, KeyFileError

KeyFormat = Literal["rerun", "pem", "openssh", "raw"]
"""How a key is written: the v0.1 key file, PKCS8/SPKI PEM, OpenSSH, or the base64 of its 32 bytes."""

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_PRIME: Final = 2**255 - 19
_SIGN_BIT: Final = 1 << 255
_LOW_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _PRIME - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key; two are equal when their 32 bytes are.

    Raises (when made):
        KeyFileError: not 32 bytes, not the canonical form of a point, or one of the low-order points, under which
            a signature proves nothing.
    """

    raw: bytes
    _handle: Ed25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise KeyFileError(f"an Ed25519 public key has {KEY_BYTES} bytes, this one {len(self.raw)}")
        y = int.from_bytes(self.raw, "little") & ~_SIGN_BIT
        if y >= _PRIME:
            raise KeyFileError("not an Ed25519 public key: its coordinate is not below the field's prime")
        if y in _LOW_ORDER_Y:
            raise KeyFileError("a low-order Ed25519 point: signatures under it prove nothing")
        object.__setattr__(self, "_handle", Ed25519PublicKey.from_public_bytes(self.raw))

    @property
    def id(self) -> str:
        """`sha256:` and the 64 hex digits of the sha256 of the raw key."""
        return f"sha256:{hashlib.sha256(self.raw).hexdigest()}"

    def verify(self, signature: bytes, data: bytes) -> None:
        """Return where `signature` is this key's over `data` (RFC 8032, pure Ed25519).

        Raises:
            BadSignature: it is not; a signature whose scalar is not reduced is none either.
        """
        if len(signature) != SIGNATURE_BYTES:
            raise BadSignature(f"an Ed25519 signature has {SIGNATURE_BYTES} bytes, this one {len(signature)}")
        try:
            self._handle.verify(signature, data)
        except InvalidSignature as error:
            raise BadSignature("the signature does not match what was signed") from error

    def to_base64(self) -> str:
        """The raw key in standard base64, as bundles carry it."""
        return base64.b64encode(self.raw).decode()

    def to_text(self, key_format: KeyFormat = "pem", comment: str = "") -> str:
        """The text of a file that holds this key, with a line break at its end; `comment` is OpenSSH's."""
        if key_format == "rerun":
            return _key_file({"publicKey": self.to_base64()})
        if key_format == "raw":
            return self.to_base64() + "\n"
        if key_format == "openssh":
            line = self._handle.public_bytes(
                serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
            ).decode()
            return f"{line} {comment}".rstrip() + "\n"
        return self._handle.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """An Ed25519 private key: its 32-byte seed, which is never shown.

    Raises (when made):
        KeyFileError: the seed has not 32 bytes.
    """

    raw: bytes = field(repr=False)
    public: PublicKey = field(init=False)
    _handle: Ed25519PrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise KeyFileError(f"an Ed25519 private key has {KEY_BYTES} bytes, this one {len(self.raw)}")
        handle = Ed25519PrivateKey.from_private_bytes(self.raw)
        object.__setattr__(self, "_handle", handle)
        object.__setattr__(self, "public", PublicKey(handle.public_key().public_bytes_raw()))

    @classmethod
    def generate(cls) -> PrivateKey:
        """A new key from the operating system's random source."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def id(self) -> str:
        """The id of the public half."""
        return self.public.id

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the signature over `data` (RFC 8032): the same for the same data."""
        return self._handle.sign(data)

    def to_text(self, key_format: KeyFormat = "rerun", passphrase: str | None = None) -> str:
        """The text of a file that holds this key, with a line break at its end.

        Raises:
            KeyFileError: a passphrase for a format that cannot be encrypted, or OpenSSH's without `bcrypt`.
        """
        if passphrase is not None and key_format not in ("pem", "openssh"):
            raise KeyFileError(f"the {key_format} key format cannot be encrypted; choose pem or openssh")
        if key_format == "rerun":
            private = base64.b64encode(self.raw).decode()
            return _key_file({"privateKey": private, "publicKey": self.public.to_base64()})
        if key_format == "raw":
            return base64.b64encode(self.raw).decode() + "\n"
        return self._pem(key_format, passphrase)

    def _pem(self, key_format: KeyFormat, passphrase: str | None) -> str:
        form = (
            serialization.PrivateFormat.PKCS8 if key_format == "pem" else serialization.PrivateFormat.OpenSSH
        )
        try:
            return self._handle.private_bytes(
                serialization.Encoding.PEM, form, _encryption(passphrase)
            ).decode()
        except UnsupportedAlgorithm as error:
            raise KeyFileError(
                "an encrypted OpenSSH key needs the bcrypt package: pip install 'spantape[ssh]'"
            ) from error
        except ValueError as error:
            raise KeyFileError(f"the key cannot be encrypted: {error}") from error


def _encryption(passphrase: str | None) -> serialization.KeySerializationEncryption:
    if passphrase is None:
        return serialization.NoEncryption()
    return serialization.BestAvailableEncryption(passphrase.encode())


def _key_file(members: dict[str, str]) -> str:
    return json.dumps(members, indent=2) + "\n"
