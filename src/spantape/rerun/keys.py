"""Ed25519 keys: made, loaded from files or the environment, saved; and the keys that a verifier trusts.

::

    from spantape.rerun.keys import PrivateKey, load_private_key, load_trust, save_private_key

    save_private_key(PrivateKey.generate(), "signing.key")
    key = load_private_key("signing.key")          # or "env:SIGNING_KEY"
    trusted = load_trust(["reviewers.pub", "trusted-keys/"])
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Final

from spantape.errors import KeyFileError
from spantape.rerun._ed25519 import KeyFormat, PrivateKey, PublicKey
from spantape.rerun._key_text import LARGEST, read_private_key, read_public_keys

__all__ = [
    "PASSPHRASE_VARIABLE",
    "KeyFormat",
    "Passphrase",
    "PrivateKey",
    "PublicKey",
    "TrustedKey",
    "load_private_key",
    "load_public_key",
    "load_trust",
    "save_private_key",
    "save_public_key",
]

PASSPHRASE_VARIABLE: Final = "SPANTAPE_KEY_PASSPHRASE"  # noqa: S105 - the name of the variable
"""The environment variable that is read where a key is encrypted and no passphrase was given."""

Passphrase = str | Callable[[], str]
"""A passphrase, or what asks for it; it is called only where the key is encrypted."""

_FROM_ENVIRONMENT: Final = "env:"


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key that a verifier trusts: the name that its file gives it ("" for none), and that file."""

    key: PublicKey
    name: str = ""
    path: str | None = None

    def __str__(self) -> str:
        told = [self.name, None if self.path is None else repr(self.path)]
        return " in ".join(part for part in told if part) or self.key.id


def load_private_key(
    source: str | PathLike[str],
    passphrase: Passphrase | None = None,
) -> PrivateKey:
    """The private key in the file `source`, or in the environment variable NAME where it is `env:NAME`.

    Its form is told from the text: the v0.1 key file, PKCS8 PEM and OpenSSH (each encrypted or not), or base64 of
    the raw 32 bytes. Without `passphrase`, an encrypted key is opened with `SPANTAPE_KEY_PASSPHRASE`.

    Raises:
        KeyFileError: there is no file or variable, it holds no Ed25519 key, its halves do not belong together,
            or the passphrase does not open it.
    """
    text, path = _text_of(source)
    try:
        return read_private_key(text, lambda: _secret(passphrase))
    except KeyFileError as error:
        raise _placed(error, path) from error


def load_public_key(source: str | PathLike[str]) -> PublicKey:
    """The one public key in the file `source` or in `env:NAME`: v0.1 key file, SPKI PEM, OpenSSH or raw base64.

    Raises:
        KeyFileError: there is no file or variable, or it does not hold just one Ed25519 key.
    """
    text, path = _text_of(source)
    keys = _public_keys(text, path)
    if len(keys) != 1:
        raise KeyFileError(f"expected one key, got {len(keys)}", what="key", path=path)
    return keys[0][1]


def load_trust(paths: Iterable[str | PathLike[str]]) -> tuple[TrustedKey, ...]:
    """The public keys in the files, and in the files of the directories, each key once, in order.

    A file holds one key in any form, or many: PEM blocks, or the lines of an `authorized_keys` or allowed-signers
    file. In a directory every file counts that is not hidden, and none but keys may be there.

    Raises:
        KeyFileError: a path is not there, a file holds no Ed25519 key, or a directory no file.
    """
    found: dict[bytes, TrustedKey] = {}
    for path in paths:
        for file in _files(Path(path)):
            for trusted in _trusted_in(file):
                found.setdefault(trusted.key.raw, trusted)
    return tuple(found.values())


def save_private_key(
    key: PrivateKey,
    path: str | PathLike[str],
    *,
    key_format: KeyFormat = "rerun",
    passphrase: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write `key` to a file that only its owner can read (mode 0600).

    Raises:
        KeyFileError: the file exists and `overwrite` is not set, it cannot be written, or the format cannot be
            encrypted.
    """
    _write(path, key.to_text(key_format, passphrase), mode=0o600, overwrite=overwrite)


def save_public_key(
    key: PublicKey,
    path: str | PathLike[str],
    *,
    key_format: KeyFormat = "pem",
    comment: str = "",
    overwrite: bool = False,
) -> None:
    """Write `key` to a file that everyone can read; `comment` names it in an OpenSSH file.

    Raises:
        KeyFileError: the file exists and `overwrite` is not set, or it cannot be written.
    """
    _write(path, key.to_text(key_format, comment), mode=0o644, overwrite=overwrite)


def _text_of(source: str | PathLike[str]) -> tuple[str, str]:
    """The text at `source`, and what to call it."""
    place = fspath(source)
    if isinstance(source, str) and place.startswith(_FROM_ENVIRONMENT):
        text = os.environ.get(place.removeprefix(_FROM_ENVIRONMENT), "")
        if not text.strip():
            raise KeyFileError("the environment variable is not set", what="key", path=place)
        return text, place
    try:
        with Path(place).open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise KeyFileError(f"cannot be read: {reason}", what="key", path=place) from error
    if len(data) > LARGEST:
        raise KeyFileError(f"no key file is larger than {LARGEST:,} bytes", what="key", path=place)
    try:
        return data.decode("utf-8-sig"), place
    except UnicodeDecodeError as error:
        raise KeyFileError(
            "not a text file; expected PEM, OpenSSH, JSON or base64", what="key", path=place
        ) from error


def _secret(passphrase: Passphrase | None) -> str | None:
    if passphrase is None:
        return os.environ.get(PASSPHRASE_VARIABLE)
    return passphrase if isinstance(passphrase, str) else passphrase()


def _placed(error: KeyFileError, path: str) -> KeyFileError:
    return KeyFileError(error.reason, what="key", path=path, field=error.field)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        files = sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
    except OSError as error:
        raise KeyFileError(f"cannot be read: {error.strerror}", what="keys", path=path) from error
    if not files:
        raise KeyFileError("the directory holds no key", what="keys", path=path)
    return files


def _trusted_in(path: Path) -> list[TrustedKey]:
    text, place = _text_of(path)
    return [TrustedKey(key, name, place) for name, key in _public_keys(text, place)]


def _public_keys(text: str, path: str) -> list[tuple[str, PublicKey]]:
    try:
        return read_public_keys(text)
    except KeyFileError as error:
        raise _placed(error, path) from error


def _write(path: str | PathLike[str], text: str, *, mode: int, overwrite: bool) -> None:
    target = Path(path)
    made = target.with_name(f".{target.name}.{os.getpid()}.new") if overwrite else target
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(made, flags, mode), "wb") as file:
            file.write(text.encode())
        if overwrite:
            made.replace(target)  # a new file, so that an old one's mode does not stay
    except FileExistsError as error:
        raise KeyFileError("exists and is not overwritten", what="key", path=path) from error
    except OSError as error:
        raise KeyFileError(f"cannot be written: {error.strerror}", what="key", path=path) from error
