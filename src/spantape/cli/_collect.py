"""`spantape collect`."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from spantape.cli._say import counted, put, say

if TYPE_CHECKING:
    from spantape.collect import Collector, Event, Settings

_STATUS_EVERY_S = 0.5
_LAST_WORDS_S = 5.0


@click.command("collect", short_help="Receive spans over OTLP and write tapes of them.")
@click.option(
    "--http",
    default="127.0.0.1:4318",
    show_default=True,
    metavar="HOST:PORT",
    help="Where to take OTLP/HTTP, or `off`.",
)
@click.option(
    "--grpc",
    default="127.0.0.1:4317",
    show_default=True,
    metavar="HOST:PORT",
    help="Where to take OTLP/gRPC, or `off`.",
)
@click.option(
    "-o",
    "--output",
    default="tapes",
    show_default=True,
    type=click.Path(),
    metavar="DIR",
    help="Where tapes go.",
)
@click.option(
    "--token",
    envvar="SPANTAPE_COLLECT_TOKEN",
    metavar="TOKEN",
    help="What senders have to prove: `authorization: Bearer TOKEN`. Also: SPANTAPE_COLLECT_TOKEN.",
)
@click.option(
    "--idle",
    type=float,
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a run is quiet, its root being there, until it is written.",
)
@click.option(
    "--wait",
    type=float,
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="The same for a run whose root has not come.",
)
@click.option(
    "--others",
    type=click.Choice(["keep", "drop"]),
    default="keep",
    show_default=True,
    help="What becomes of traces without a span of spantape's.",
)
@click.option(
    "--no-fsync", is_flag=True, help="Acknowledge what a power cut could still take; being killed never can."
)
@click.option(
    "--workers",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that write tapes; 0 for a thread.",
)
@click.option("--flush", is_flag=True, help="Write what an earlier collect left behind in DIR, and end.")
@click.option("--json", "as_json", is_flag=True, help="Tell what happens as JSON lines on stdout.")
def collect_command(output: str, flush: bool, as_json: bool, **given: Any) -> int:
    """Receive spans over OTLP, from any language's SDK, and write one tape for each run as it completes.

    What is acknowledged is stored first, so that nothing is lost when collect is killed: start it again on the same
    DIR. Only this machine is listened to, unless there is a token. SIGINT and SIGTERM end it when all is written.

    Example: spantape collect -o tapes
    """
    from spantape.collect import Collector

    told = _Told(as_json)
    try:
        collector = Collector(output, _settings(flush=flush, **given), tell=told)
        _run(collector, until_told=not flush, shown=sys.stderr.isatty() and not as_json)
    finally:
        told.close()
    left = collector.counts["open_runs"]
    if left:
        say(
            f"{counted(left, 'run')} could not be written; start collect on {output} again when that is mended"
        )
    return 1 if left else 0


def _run(collector: Collector, *, until_told: bool, shown: bool) -> None:
    with _signals() as ending:
        collector.start()
        if until_told:
            _wait(collector, ending, shown=shown)
        if collector.counts["open_runs"]:
            say("writing what is stored")
        collector.stop()


def _settings(
    *,
    http: str,
    grpc: str,
    token: str | None,
    idle: float,
    wait: float,
    others: str,
    no_fsync: bool,
    workers: int,
    flush: bool,
) -> Settings:
    from spantape.collect import Settings, address

    if http == grpc == "off" and not flush:
        raise click.UsageError("--http off --grpc off leaves nothing to listen on")

    return Settings(
        http=None if flush or http == "off" else address(http),
        grpc=None if flush or grpc == "off" else address(grpc),
        token=token,
        idle_s=idle,
        wait_s=wait,
        keep_others=others == "keep",
        fsync=not no_fsync,
        workers=0 if flush else workers,
    )


# --- until it is ended -----------------------------------------------------------------------------------------------


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """Inside, SIGINT and SIGTERM set the event, and a second one ends the program at once."""
    ending = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if ending.is_set():
            raise KeyboardInterrupt
        ending.set()

    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(collector: Collector, ending: threading.Event, *, shown: bool) -> None:
    show = _shown() if shown else nullcontext(lambda _text: None)
    with show as update:
        while collector.running and not ending.wait(_STATUS_EVERY_S):
            update(_status(collector.counts))


@contextmanager
def _shown() -> Iterator[Callable[[str], None]]:
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield status.update


def _status(counts: dict[str, int]) -> str:
    said = [
        counted(counts["spans"], "span"),
        counted(counts["tapes"], "tape"),
        f"{counted(counts['open_runs'], 'run')} open",
    ]
    said += [f"{counts[name]:,} {name}" for name in ("refused", "rejected", "bad") if counts[name]]
    return ", ".join(said)


# --- what is told ----------------------------------------------------------------------------------------------------


class _Told:
    """What happens, on its way out: JSON lines on stdout, or paths of files there and words on stderr."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._printer = threading.Thread(target=self._print, name="spantape-events", daemon=True)
        self._printer.start()

    def __call__(self, event: Event) -> None:
        self._events.put(event)  # whoever reads our output slowly must not hold up those who send

    def close(self) -> None:
        """Print what is left, unless nobody reads it."""
        self._events.put(None)
        self._printer.join(_LAST_WORDS_S)

    def _print(self) -> None:
        with suppress(OSError):
            while (event := self._events.get()) is not None:
                self._put(event)

    def _put(self, event: Event) -> None:
        if self._as_json:
            from spantape.collect import json_line

            click.echo(json_line(event), nl=False)
            return
        _IN_WORDS[type(event).__name__](event)


def _listening(event: Any) -> None:
    for name, endpoint in (("http/protobuf", event.http), ("grpc", event.grpc)):
        if endpoint:
            say(f"listening on {endpoint} ({name})")


def _recovered(event: Any) -> None:
    say(
        f"took up {counted(event.spans, 'span')} of {counted(event.requests, 'request')} from an earlier collect"
    )
    for skipped in event.skipped:
        say(skipped)


def _tape(event: Any) -> None:
    late = f", extended by {counted(event.added, 'late span')}" if event.late else ""
    put(f"{event.path}: {counted(event.steps, 'step')}, {event.name or event.run}{late}")


def _lines(event: Any) -> None:
    why = f"no tape ({event.reason})" if event.reason else "no step of spantape's"
    put(f"{event.path}: {counted(event.spans, 'span')}, {why}")


def _failed(event: Any) -> None:
    say(f"{event.what}: {event.reason}")


def _unchanged(_event: Any) -> None:
    """Nothing has happened that a person waits for."""


def _stopped(event: Any) -> None:
    say(_status(event.counts))


_IN_WORDS: dict[str, Callable[[Any], None]] = {
    "Listening": _listening,
    "Recovered": _recovered,
    "Wrote": _tape,
    "WroteLines": _lines,
    "Unchanged": _unchanged,
    "Failed": _failed,
    "Stopped": _stopped,
}
