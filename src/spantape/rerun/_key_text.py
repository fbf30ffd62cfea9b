"""Keys out of text: the v0.1 key file, PEM, OpenSSH, raw base64. What a text holds is told from the text itself."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from spantape.errors import KeyFileError
from spantape.rerun._ed25519 import KEY_BYTES, PrivateKey, PublicKey

GetPassphrase = Callable[[], str | None]
"""Gives the passphrase when a key turns out to be encrypted, None where there is none."""

LARGEST: Final = 1 << 20
"""No key file is larger than this many bytes."""

_LONGEST_LINE: Final = 8192  # as OpenSSH reads them
_PEM: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s(?:(?!-----).)*-----END \1-----", re.DOTALL)
_SSH_KIND: Final = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[\w@.-]+")
_WORD: Final = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^\s"])+')
_RESTRICTED: Final = re.compile(
    r"@(?:revoked|cert-authority)$|(?:^|,)(?:cert-authority(?:,|$)|(?:namespaces|valid-after|valid-before)=)",
    re.IGNORECASE,
)


def read_private_key(text: str, passphrase: GetPassphrase) -> PrivateKey:
    """The private key that `text` holds.

    Raises:
        KeyFileError: it holds none, one that is not Ed25519, or one that the passphrase does not open.
    """
    stripped = text.strip()
    if stripped.startswith("{"):
        return _from_key_file(stripped)
    block = _PEM.search(stripped)
    if block is not None:
        return _from_private_pem(block[0], block[1], passphrase)
    if _SSH_KIND.match(stripped):
        raise KeyFileError("this is a public OpenSSH key; the private one is in the file without .pub")
    return PrivateKey(_base64_key(stripped))


def read_public_keys(text: str) -> list[tuple[str, PublicKey]]:
    """The public keys that `text` holds, at least one, each with its name ("" for none).

    An OpenSSH file may hold many, among them those of other algorithms, which are passed over. A private key that
    is not encrypted gives its public half.

    Raises:
        KeyFileError: it holds none, or none that is Ed25519; or one whose use is restricted (revoked, a
            certificate authority, a time or a namespace), which would be trusted further than the file says.
    """
    stripped = text.strip()
    if stripped.startswith("{"):
        return [("", _public_of_key_file(stripped))]
    if _PEM.search(stripped):
        return [("", _from_public_pem(found[0], found[1])) for found in _PEM.finditer(stripped)]
    lines = [line.strip() for line in stripped.splitlines()]
    if max(map(len, lines), default=0) > _LONGEST_LINE:
        raise KeyFileError(f"a line is longer than {_LONGEST_LINE:,} characters, and no key is")
    if any(word for line in lines for word in _WORD.findall(line) if _SSH_KIND.fullmatch(word)):
        return _from_ssh_lines(lines)
    return [("", PublicKey(_base64_key(stripped)))]


# --- the v0.1 key file -------------------------------------------------------------------------------------------


def _from_key_file(text: str) -> PrivateKey:
    members = _members(text)
    if "privateKey" not in members:
        raise KeyFileError("no member 'privateKey'", field="privateKey")
    key = PrivateKey(_member_key(members, "privateKey"))
    if "publicKey" in members and _member_key(members, "publicKey") != key.public.raw:
        raise KeyFileError(
            f"is not the public half of privateKey, which is {key.public.to_base64()}", field="publicKey"
        )
    return key


def _public_of_key_file(text: str) -> PublicKey:
    members = _members(text)
    if "privateKey" in members:
        return _from_key_file(text).public
    if "publicKey" not in members:
        raise KeyFileError("no member 'publicKey'", field="publicKey")
    return PublicKey(_member_key(members, "publicKey"))


def _members(text: str) -> dict[str, Any]:
    try:
        members = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise KeyFileError(f"starts as a JSON key file and is not JSON: {error}") from error
    return dict(members)


def _member_key(members: dict[str, Any], name: str) -> bytes:
    value = members[name]
    if not isinstance(value, str):
        raise KeyFileError(f"expected base64 text, got {type(value).__name__}", field=name)
    try:
        return _base64_key(value)
    except KeyFileError as error:
        raise KeyFileError(error.reason, field=name) from error


def _base64_key(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyFileError(
            "no key in a form that is known: a v0.1 key file, PEM, OpenSSH, or base64 of 32 bytes"
        ) from error
    if len(raw) != KEY_BYTES:
        raise KeyFileError(f"an Ed25519 key is the base64 of {KEY_BYTES} bytes, this is of {len(raw)}")
    return raw


# --- PEM ---------------------------------------------------------------------------------------------------------


def _from_private_pem(block: str, label: str, passphrase: GetPassphrase) -> PrivateKey:
    if "PRIVATE KEY" not in label:
        raise KeyFileError(f"expected a private key, got a PEM block {label!r}")
    try:
        key = _opened(block, label, passphrase)
    except UnsupportedAlgorithm as error:
        advice = ": pip install 'spantape[ssh]'" if "bcrypt" in str(error) else ""
        raise KeyFileError(f"this private key cannot be opened here: {error}{advice}") from error
    if not isinstance(key, Ed25519PrivateKey):
        _refuse_algorithm(key)
    return PrivateKey(key.private_bytes_raw())


def _opened(block: str, label: str, passphrase: GetPassphrase) -> Any:
    load: Any = (
        serialization.load_ssh_private_key if "OPENSSH" in label else serialization.load_pem_private_key
    )
    try:
        return load(block.encode(), None)
    except TypeError:  # encrypted
        secret = passphrase()
    except ValueError as error:
        raise KeyFileError(f"the PEM block {label!r} holds no readable key: {error}") from error
    if secret is None:
        raise KeyFileError("the key is encrypted: give its passphrase, or set SPANTAPE_KEY_PASSPHRASE")
    try:
        return load(block.encode(), secret.encode())
    except ValueError as error:
        raise KeyFileError("the passphrase does not open the key") from error


def _from_public_pem(block: str, label: str) -> PublicKey:
    if "PRIVATE KEY" in label:
        return _from_private_pem(block, label, _no_passphrase).public
    if label != "PUBLIC KEY":
        raise KeyFileError(f"expected a PEM block 'PUBLIC KEY', got {label!r}")
    try:
        key = serialization.load_pem_public_key(block.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"the PEM block {label!r} holds no readable key: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        _refuse_algorithm(key)
    return PublicKey(key.public_bytes_raw())


def _no_passphrase() -> NoReturn:
    raise KeyFileError("an encrypted private key stands where public keys are expected; give its public half")


def _refuse_algorithm(key: object) -> NoReturn:
    name = re.sub(r"(Private|Public)Key$", "", type(key).__name__.lstrip("_"))
    raise KeyFileError(f"expected an Ed25519 key, got {name}")


# --- OpenSSH -----------------------------------------------------------------------------------------------------


def _from_ssh_lines(lines: list[str]) -> list[tuple[str, PublicKey]]:
    kinds: list[str] = []
    found: list[tuple[str, PublicKey]] = []
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            kind, names, keys = _ssh_line(line, number)
            kinds.append(kind)
            found += [(names, key) for key in keys]
    if not found:
        raise KeyFileError(f"expected an ssh-ed25519 key, got {', '.join(dict.fromkeys(kinds))}")
    return found


def _ssh_line(line: str, number: int) -> tuple[str, str, Iterator[PublicKey]]:
    """The algorithm of a line, the name that it gives its key, and the key where it is of ours."""
    words = _WORD.findall(line)
    at = next((i for i, word in enumerate(words) if _SSH_KIND.fullmatch(word)), None)
    if at is None or len(words) < at + 2:
        raise KeyFileError(
            "expected '[names or options] ssh-ed25519 BASE64 [comment]'", field=f"line {number}"
        )
    if words[at] != "ssh-ed25519":
        return words[at], "", iter(())
    restricted = next((word for word in words[:at] if _RESTRICTED.search(word)), None)
    if restricted is not None:
        raise KeyFileError(
            f"the key is restricted by {restricted!r}, which is not understood here; list it without",
            field=f"line {number}",
        )
    key = _ssh_key(" ".join(words[at : at + 2]), number)
    return words[at], " ".join(words[at + 2 :]) or words[0] * (at > 0), iter((key,))


def _ssh_key(line: str, number: int) -> PublicKey:
    try:
        key = serialization.load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"not an OpenSSH public key: {error}", field=f"line {number}") from error
    if not isinstance(key, Ed25519PublicKey):
        _refuse_algorithm(key)
    return PublicKey(key.public_bytes_raw())
