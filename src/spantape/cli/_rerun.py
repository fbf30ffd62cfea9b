"""`spantape rerun`: bundles captured and verified, and keys for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from spantape.cli._keys import signing_key, trust_policy
from spantape.cli._rerun_tape import apply_command, cut_command
from spantape.cli._say import put, put_json, say
from spantape.errors import KeyFileError

if TYPE_CHECKING:
    from spantape.rerun.keys import KeyFormat

_FILE = click.Path(exists=True, dir_okay=False)


@click.group("rerun", short_help="Sign what a model was asked and answered; check new answers by it.")
def rerun_group() -> None:
    """Signed rerun bundles (rerun.json v0.1): what a model was asked, and what is expected of it.

    A bundle holds hashes of the inputs, and says how equal another answer must be. It is a small file that anyone
    can check, offline, against a record of what came out elsewhere.

    Example: spantape rerun verify step.rr actual.json --trust reviewers.pub
    """


rerun_group.add_command(cut_command)
rerun_group.add_command(apply_command)


@rerun_group.command("capture", short_help="Make a bundle of a step record.")
@click.argument("step", type=_FILE)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), metavar="BUNDLE")
@click.option(
    "-k", "--key", "source", metavar="KEY", help="The Ed25519 key to sign with: a file, or env:NAME."
)
def capture_command(step: str, output: str, source: str | None) -> int:
    """Make a bundle of a STEP record, signed where a key is given.

    STEP is JSON: {model, sampling, inputs {system_prompt, messages, tools?}, runtime, expected {transcript?,
    semantic_embedding?}, tolerance}, or {steps: [...]} for a bundle of several steps.

    Example: spantape rerun capture step.json -o step.rr --key signing.key
    """
    from spantape.rerun.bundles import capture, write_bundle
    from spantape.rerun.reading import read_file

    key = signing_key(source)
    write_bundle(capture(read_file(step, what="step"), key), output)
    say(f"{output}: " + ("not signed" if key is None else f"signed by {key.id}"))
    return 0


@rerun_group.command("verify", short_help="Check an answer, and who vouches for what it is checked by.")
@click.argument("bundle", type=_FILE)
@click.argument("actual", type=_FILE)
@click.option(
    "--trust",
    multiple=True,
    metavar="KEY|DIR",
    help="Public keys, one of which must have signed; may be given more than once.",
)
@click.option("--require-signature", is_flag=True, help="Fail where nobody signed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result on one line.")
def verify_command(
    bundle: str, actual: str, trust: tuple[str, ...], require_signature: bool, as_json: bool
) -> int:
    """Check that the ACTUAL record is what the BUNDLE states; print {verified, errors, warnings}.

    Without --trust a signature only shows that the bundle was not changed since someone signed it. Who that is,
    only --trust asks: an unsigned bundle and one signed by another key then fail.

    Example: spantape rerun verify step.rr actual.json --trust reviewers.pub
    """
    from spantape.rerun.verifying import check

    policy = trust_policy(trust, require_signature=require_signature)
    result = check(Path(bundle).read_bytes(), Path(actual).read_bytes(), policy)
    if as_json:
        _put_line(result.to_json())
    else:
        put_json(result.to_json())
    return 0 if result.verified else 1


def _put_line(value: object) -> None:
    import json

    put(json.dumps(value))


@rerun_group.command("keygen", short_help="Make a key to sign with.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Where the private key goes; the public one goes to FILE.pub.",
)
@click.option(
    "--format",
    "key_format",
    type=click.Choice(["rerun", "pem", "openssh", "raw"]),
    default="rerun",
    show_default=True,
    help="rerun.json's key file, PKCS8 PEM, OpenSSH, or base64 of the 32 bytes.",
)
@click.option(
    "--encrypt",
    is_flag=True,
    help="Encrypt it (pem, openssh): with SPANTAPE_KEY_PASSPHRASE, or a passphrase that is asked for.",
)
@click.option("--force", is_flag=True, help="Replace keys that are there.")
def keygen_command(output: str, key_format: str, encrypt: bool, force: bool) -> int:
    """Make an Ed25519 key: FILE is for who signs, and readable by nobody else; FILE.pub is for who verifies.

    Example: spantape rerun keygen -o signing.key
    """
    from spantape.rerun.keys import PrivateKey, save_private_key, save_public_key

    chosen, public = cast("KeyFormat", key_format), f"{output}.pub"
    for path in (output, public):
        if Path(path).exists() and not force:
            raise click.UsageError(f"{path} exists; --force replaces it")
    key = PrivateKey.generate()
    try:
        secret = _new_passphrase() if encrypt else None
        save_private_key(key, output, key_format=chosen, passphrase=secret, overwrite=force)
        save_public_key(key.public, public, key_format=chosen, overwrite=force)
    except KeyFileError as error:
        raise click.UsageError(str(error)) from error
    say(f"{output}: private key, keep it; {public}: public key, hand it out")
    put(key.id)
    return 0


def _new_passphrase() -> str:
    from spantape.rerun.keys import PASSPHRASE_VARIABLE

    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given:
        return given
    secret: str = click.prompt("passphrase", hide_input=True, confirmation_prompt=True, err=True)
    return secret
