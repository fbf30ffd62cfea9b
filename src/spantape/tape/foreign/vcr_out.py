"""Tapes as vcrpy cassettes in YAML, which vcrpy replays.

See: <https://vcrpy.readthedocs.io/en/latest/usage.html>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spantape._model import Headers, Response
from spantape.tape.foreign.model import grade_of
from spantape.tape.foreign.written import Written, exchange_steps, phrase, response_of
from spantape.tape.model import ExchangeStep, Tape


def export_vcr(tape: Tape) -> Written:
    """The exchanges of `tape` as one cassette, made while it is written.

    Raises:
        TapeError: a body cannot be told.
    """
    written = Written(())
    written.pieces = _pieces(tape, written)
    return written


def _pieces(tape: Tape, written: Written) -> Iterator[bytes]:
    none = True
    for step in exchange_steps(tape, written):
        response = response_of(step, written)
        if response is None or grade_of(step.span)[0] == "skeleton":
            written.notes.add(
                "left out: an exchange without a response, which a cassette cannot hold", f"step {step.index}"
            )
            written.count -= 1
            continue
        if none:
            yield b"interactions:\n"
            none = False
        yield _yaml([_interaction(step, response)])
        _name_losses(step, response, written)
    if none:
        yield b"interactions: []\n"
    yield b"version: 1\n"


def _name_losses(step: ExchangeStep, response: Response, written: Written) -> None:
    place = f"step {step.index}"
    if response.chunks:
        written.notes.add("not in the format: the chunks in which a response arrived", place)
    if step.end != "complete":
        written.notes.add(
            f"not in the format: the response ended as {step.end!r}, a replay ends it well", place
        )
    if grade_of(step.span)[0] != "exact":
        written.notes.add(f"not in the format: the step is {grade_of(step.span)[0]}", place)
    if step.span.ended_ns > step.span.started_ns:
        written.notes.add("not in the format: times")


def _yaml(value: Any) -> bytes:
    import yaml  # type: ignore[import-untyped]  # it ships no types

    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump(value, Dumper=dumper, allow_unicode=True, default_flow_style=False, encoding="utf-8")
    return bytes(text)


def _interaction(step: ExchangeStep, response: Response) -> dict[str, Any]:
    return {
        "request": {
            "body": _body(step.request_body()) or None,
            "headers": _headers(step.request_headers),
            "method": step.method,
            "uri": step.url,
        },
        "response": {
            "body": {"string": _body(response.body)},
            "headers": _headers(response.headers),
            "status": {"code": response.status, "message": phrase(response.status)},
        },
    }


def _body(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _headers(headers: Headers) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value)
    return found
