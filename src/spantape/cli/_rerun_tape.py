"""`spantape rerun cut` and `spantape rerun apply`: bundles out of tapes, and answers anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from spantape.cli._keys import signing_key
from spantape.cli._say import counted, put, put_json, say, working
from spantape.errors import NotCut

if TYPE_CHECKING:
    from spantape.rerun.apply_endpoint import Endpoint
    from spantape.rerun.cutting import Cut
    from spantape.rerun.keys import PrivateKey
    from spantape.tape.model import Tape


@click.command("cut", short_help="Make bundles of the model calls on a tape.")
@click.argument("tape", type=click.Path())
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Where the files go.",
)
@click.option(
    "-k", "--key", "source", metavar="KEY", help="The Ed25519 key to sign with: a file, or env:NAME."
)
@click.option(
    "--step",
    "steps",
    type=int,
    multiple=True,
    metavar="N",
    help="This step alone; may be given more than once.",
)
@click.option(
    "--tolerance",
    metavar="LEVEL[,LEVEL]",
    help="byte (the default), semantic[:COSINE] or structural[:ORDER][:ARGUMENTS]; of several, the first that fits.",
)
@click.option("--policy", type=click.Path(), metavar="FILE", help="Tolerance per step, in TOML.")
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    metavar="[HOST=]CLASS",
    help="Where the model runs: cloud (the default), local-vllm, local-transformers or local.",
)
@click.option(
    "--redacted", is_flag=True, help="Cut redacted steps too: their placeholders are what is signed."
)
@click.option("--together", is_flag=True, help="Make one bundle, NAME.rr, of all that is cut.")
@click.option("--run", "run_id", metavar="ID", help="The run to cut, where the file holds several.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cut_command(
    *,
    tape: str,
    output: str,
    source: str | None,
    steps: tuple[int, ...],
    tolerance: str | None,
    policy: str | None,
    runtimes: tuple[str, ...],
    redacted: bool,
    together: bool,
    run_id: str | None,
    as_json: bool,
) -> int:
    """Make a bundle of each model call on a TAPE, with what it verifies and what a rerun of it is sent.

    Written are NAME-step-NNNN.rr, .actual.json and .inputs.json; the paths of the bundles are printed. Steps that call
    no model, or failed, are left out. Exits with 1 where a model call could not be cut, or where there was none.

    Example: spantape rerun cut run.tape --key signing.key -o evidence
    """
    from spantape.rerun.cut_runtime import runtimes_of
    from spantape.rerun.cutting import cut
    from spantape.tape.read import read_tape

    key, runtime = signing_key(source), runtimes_of(runtimes)
    with working(f"reading {tape}"):
        read = read_tape(tape, run=run_id)
    skipped: list[NotCut] = []
    made = cut(
        read,
        steps=steps or None,
        key=key,
        tolerance=tolerance,
        policy=policy,
        runtime=runtime,
        redacted=redacted,
        skipped=skipped.append,
    )
    told = list(_written(made, output, read.path, key, together=together))
    for left in skipped:
        if left.why != "other" or not told:
            say(f"spantape: {left}")
    others = sum(left.why == "other" for left in skipped)
    passed = f"; {counted(others, 'step')} called no model" if others else ""
    say(f"{counted(len(told), 'bundle')}, {'not signed' if key is None else f'signed by {key.id}'}{passed}")
    if as_json:
        put_json({"bundles": told, "skipped": [_left(left) for left in skipped]})
    else:
        for one in told:
            put(one["bundle"])
    return 1 if not told or any(left.why in ("lost", "unfit") for left in skipped) else 0


def _written(
    cuts: Iterator[Cut], output: str, tape: str | None, key: PrivateKey | None, *, together: bool
) -> Iterator[dict[str, Any]]:
    """What was written: a bundle for each step, or one of all."""
    from spantape.rerun.cut_files import name_of, write_cut
    from spantape.rerun.cut_together import together as in_one

    if together:
        steps = [_noted(one) for one in cuts]
        if steps:
            whole = in_one(steps, key)
            path = write_cut(output, name_of(tape), whole)
            yield _line([one.step for one in steps], str(path), whole.bundle)
        return
    for one in cuts:
        path = write_cut(output, name_of(tape, one.step), _noted(one))
        if one.beyond_v01:
            say(f"step {one.step}: version {one.version}, not 0.1 ({', '.join(one.beyond_v01)})")
        yield _line([one.step], str(path), one.bundle)


def _noted(one: Cut) -> Cut:
    if one.call.stored:
        say(
            f"step {one.step}: goes on with what the provider keeps ({', '.join(one.call.stored)}); the inputs that are "
            "signed are not all that the model was given"
        )
    return one


def _line(steps: list[int], path: str, bundle: dict[str, Any]) -> dict[str, Any]:
    return {"steps": steps, "bundle": path, "version": bundle["rerun_version"]}


def _left(left: NotCut) -> dict[str, Any]:
    return {"step": left.step, "why": left.why, "reason": left.reason}


@click.command("apply", short_help="Ask what a bundle states anew, and record what comes.")
@click.argument("bundle", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--inputs",
    required=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="What to ask: what `cut` wrote to .inputs.json, a step record, an actual record, or bare inputs.",
)
@click.option("--base-url", metavar="URL", help="The endpoint to ask, as its SDK takes it.")
@click.option("--tape", type=click.Path(), metavar="TAPE", help="Ask what this tape has recorded instead.")
@click.option("--run", "run_id", metavar="ID", help="The tape's run, where the file holds several.")
@click.option(
    "--api",
    metavar="NAME",
    help="The wire API, such as openai.chat; by default that of the inputs, else what the vendor speaks.",
)
@click.option(
    "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header to send; may be repeated."
)
@click.option(
    "--api-key-env",
    metavar="NAME",
    help="The environment variable with the key to send; none is sent without.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, min_open=True),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the endpoint.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Where to write; by default to stdout.",
)
def apply_command(
    *,
    bundle: str,
    inputs: str,
    base_url: str | None,
    tape: str | None,
    run_id: str | None,
    api: str | None,
    headers: tuple[str, ...],
    api_key_env: str | None,
    timeout_s: float,
    output: str | None,
) -> int:
    """Ask a BUNDLE's model what the bundle states, and write what comes as an actual record, which `verify` takes.

    The inputs must hash to those of the bundle. Model and sampling are the bundle's; nothing is streamed.

    Example: spantape rerun apply step.rr --inputs step.inputs.json --base-url http://localhost:8000/v1 -o actual.json
    """
    from spantape.rerun.apply_endpoint import Endpoint, header_pairs
    from spantape.rerun.apply_inputs import read_step_inputs
    from spantape.rerun.applying import apply
    from spantape.rerun.bundles import read_bundle
    from spantape.rerun.cut_files import write_json
    from spantape.tape.read import read_tape

    _check_target(base_url, tape, sends=bool(headers or api_key_env))
    target: Endpoint | Tape
    if tape is None:
        target = Endpoint(base_url or "", header_pairs(headers), _api_key(api_key_env), timeout_s)
    else:
        target = read_tape(tape, run=run_id)
    stated, given = read_bundle(bundle), read_step_inputs(inputs)
    with working("asking"):
        actual = apply(stated, given, target, api=api)
    if output is None:
        put_json(actual)
    else:
        write_json(output, actual)
        say(f"{output}: an actual record; spantape rerun verify {bundle} {output}")
    return 0


def _check_target(base_url: str | None, tape: str | None, *, sends: bool) -> None:
    if (base_url is None) == (tape is None):
        raise click.UsageError("give one of --base-url and --tape")
    if tape is not None and sends:
        raise click.UsageError("a --tape is sent no --header and no --api-key-env")


def _api_key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise click.BadParameter(
            f"the environment variable {variable} is not set", param_hint="--api-key-env"
        )
    return key
