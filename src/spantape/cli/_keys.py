"""Keys that a command is given: to sign with, and to trust."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from spantape.errors import KeyFileError

if TYPE_CHECKING:
    from spantape.rerun.keys import PrivateKey
    from spantape.rerun.policy import TrustPolicy


def signing_key(source: str | None) -> PrivateKey | None:
    """The key at `source`, a file or `env:NAME`; None for no source.

    An encrypted key is opened with SPANTAPE_KEY_PASSPHRASE, or at a terminal asked for.

    Raises:
        click.BadParameter: the key cannot be read.
    """
    from spantape.rerun.keys import PASSPHRASE_VARIABLE, load_private_key

    if source is None:
        return None
    asked = sys.stdin.isatty() and PASSPHRASE_VARIABLE not in os.environ
    try:
        return load_private_key(source, (lambda: _passphrase(source)) if asked else None)
    except KeyFileError as error:
        raise click.BadParameter(str(error), param_hint="--key") from error


def trust_policy(paths: tuple[str, ...], *, require_signature: bool) -> TrustPolicy:
    """The policy of `--trust` and `--require-signature`.

    Raises:
        click.BadParameter: a key cannot be read, or there is none.
    """
    from spantape.rerun.keys import load_trust
    from spantape.rerun.policy import TrustPolicy

    if not paths:
        return TrustPolicy(require_signature=require_signature)
    try:
        return TrustPolicy(load_trust(paths), require_signature)
    except KeyFileError as error:
        raise click.BadParameter(str(error), param_hint="--trust") from error


def _passphrase(source: str) -> str:
    secret: str = click.prompt(f"passphrase of {source}", hide_input=True, err=True)
    return secret
