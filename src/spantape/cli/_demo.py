"""`spantape demo`."""

from __future__ import annotations

import shlex
import sys
import textwrap
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import click

from spantape.cli._say import command_name, put, put_json, say, working
from spantape.errors import SpantapeError

if TYPE_CHECKING:
    from spantape.demo.receipt import DemoReceipt

_WANTED: Final = {"openai": "openai>=3", "anthropic": "anthropic>=2"}


@click.command("demo", short_help="Record, replay and check a real agent; no key needed.")
@click.option("-d", "--directory", default="tapes", show_default=True, help="Where the tapes are kept.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def demo_command(directory: str, as_json: bool) -> int:
    """Record a tool-using agent on the real SDKs, stop its server, replay it offline, and check every claim.

    Needs no key and no network: the models are served by this process. Exits with 0 only if every check held.

    Example: spantape demo
    """
    _check_packages()
    from spantape.demo.run import run_demo

    with working("running the demo"):
        receipt = run_demo(directory, say=(lambda _line: None) if as_json else lambda line: say(f"· {line}"))
    if as_json:
        put_json(receipt.to_json())
    else:
        _put_receipt(receipt)
    return 0 if receipt.ok else 1


def _check_packages() -> None:
    missing = [requirement for package, requirement in _WANTED.items() if find_spec(package) is None]
    if missing:
        line = shlex.join([sys.executable, "-m", "pip", "install", *missing])
        raise SpantapeError(f"the demo runs on the real SDKs, and some are missing; install them:\n  {line}")


def _put_receipt(receipt: DemoReceipt) -> None:
    put(f"\nquestion  {receipt.question}\nanswer    {receipt.answer}\n")
    put(
        f"steps        {receipt.steps}, {receipt.requests} of them model requests, {receipt.bytes:,} bytes of bodies"
    )
    put(f"matched      {receipt.answered} of {receipt.steps} steps on replay")
    put(f"network      {receipt.live_connections} calls live, {receipt.replay_connections} on replay")
    put(
        f"fingerprint  {receipt.fingerprint}  recorded\n             {receipt.second_fingerprint}  replayed\n"
    )
    for check in receipt.checks:
        put(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.detail}")
    put(f"\nThe changed prompt missed with:\n{textwrap.indent(receipt.miss or 'nothing', '  ')}\n")
    put(f"{_verdict(receipt)} in {receipt.seconds:.1f} s. Try next:")
    for line in next_lines(receipt):
        put(f"  {line}")


def _verdict(receipt: DemoReceipt) -> str:
    failed = sum(not check.ok for check in receipt.checks)
    return (
        f"{failed} of {len(receipt.checks)} checks FAILED"
        if failed
        else f"All {len(receipt.checks)} checks held"
    )


def next_lines(receipt: DemoReceipt) -> list[str]:
    """Commands that work as they are printed, on what the demo left behind."""
    name, tape, second, collected = command_name(), receipt.tape, receipt.second_tape, receipt.collected
    return [
        f"{name} show {tape}",
        f"{name} show {tape} --step 1",
        f"{name} verify {tape} {second}",
        f"{name} diff {tape} {second}",
        f"{name} show {collected}",
    ]
