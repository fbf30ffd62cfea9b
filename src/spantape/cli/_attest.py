"""`spantape attest` and `spantape prove`."""

from __future__ import annotations

import click

from spantape.cli._keys import signing_key
from spantape.cli._say import counted, say, working


@click.command("attest", short_help="Sign a statement over a whole tape.")
@click.argument("tape", type=click.Path())
@click.option(
    "-k",
    "--key",
    "sources",
    multiple=True,
    required=True,
    metavar="KEY",
    help="The Ed25519 key to sign with: a file, or env:NAME. Several keys sign together.",
)
@click.option(
    "-o", "--output", type=click.Path(), metavar="FILE", help="Where to write; by default TAPE.att."
)
@click.option("--force", is_flag=True, help="Replace an attestation that is there.")
@click.option(
    "--add", "adding", is_flag=True, help="Sign the attestation that is there, beside those who signed it."
)
@click.option(
    "--fingerprint",
    is_flag=True,
    help="State the fingerprint openly; who is shown some steps can then test guesses of the others.",
)
def attest_command(
    tape: str, *, sources: tuple[str, ...], output: str | None, force: bool, adding: bool, fingerprint: bool
) -> int:
    """Sign a statement over a whole TAPE: its file, steps, models, environment and redactions.

    The tape is checked first, as by `spantape verify`. An encrypted key is opened with SPANTAPE_KEY_PASSPHRASE, or
    asked for.

    Example: spantape attest run.tape --key signing.key
    """
    from spantape.attest import attest, attestation_path, countersign, load_envelope, write_attestation
    from spantape.tape.verify import verify_tape

    if adding and (force or fingerprint):
        raise click.UsageError("--add signs what is stated already; --force and --fingerprint state it anew")
    keys = [key for key in map(signing_key, sources) if key is not None]
    path = output or attestation_path(tape)
    with working(f"attesting {tape}"):
        receipt = verify_tape(tape)
        if adding:
            envelope = countersign(tape, load_envelope(path), *keys)
        else:
            envelope = attest(tape, *keys, fingerprint=fingerprint)
    write_attestation(envelope, path, overwrite=force or adding)
    say(f"{path}: {counted(receipt.steps, 'step')} attested by {', '.join(key.id for key in keys)}")
    return 0


@click.command("prove", short_help="Disclose one step of an attested tape.")
@click.argument("tape", type=click.Path())
@click.option(
    "--step", required=True, type=int, metavar="N", help="The step to disclose, as `spantape show` counts."
)
@click.option(
    "-o", "--output", type=click.Path(), metavar="FILE", help="Where to write; by default to stdout."
)
@click.option(
    "--attestation", type=click.Path(), metavar="FILE", help="The attestation; by default TAPE.att."
)
def prove_command(tape: str, step: int, output: str | None, attestation: str | None) -> int:
    """Disclose one step of an attested TAPE in a file that proves it alone, without the other steps.

    Who gets it runs `spantape verify FILE --trust KEY`.

    Example: spantape prove run.tape --step 2 -o proof.json
    """
    from spantape.attest import prove, write_proof

    with working(f"proving step {step} of {tape}"):
        proof = prove(tape, step, attestation=attestation)
    if output is None:
        click.echo(proof.to_json(), nl=False)
    else:
        write_proof(proof, output)
        say(f"{output}: step {step} of {tape}")
    return 0
