"""The same behaviour has the same fingerprint, and other behaviour another."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import jcs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantape._model import Exchange, Failure, Request, Response, digest
from spantape._spans import names
from spantape.tape.build import tape_of
from spantape.tape.fingerprint import canonical, fingerprint, json_digest, path_of
from spantape.tape.steps import steps_of
from tape_spans import agent_span, exchange, exchange_span, run_spans, sealed, tool_span


def of(*spans) -> str:
    return fingerprint(steps_of(spans))


def test_it_is_the_chain_that_the_format_specifies():
    start = hashlib.sha256(b"spantape.fingerprint.v1").digest()
    assert of() == start.hex()
    recorded = exchange(0)
    described = {
        "kind": "exchange",
        "method": "POST",
        "path": "/v1/chat/completions?beta=1",
        "request": digest(recorded.request.body),
        "status": 200,
        "response": digest(recorded.response.body),
        "end": "complete",
        "error": None,
    }
    one = hashlib.sha256(start + jcs.canonicalize(described)).digest()
    assert of(exchange_span(0, recorded)) == one.hex()
    arguments, result = (hashlib.sha256(text).hexdigest() for text in (b'{"a":[1,2.5]}', b'"x"'))
    tool = {"kind": "tool", "name": "search", "arguments": arguments, "result": result, "error": None}
    two = hashlib.sha256(one + jcs.canonicalize(tool)).digest()
    assert of(exchange_span(0, recorded), tool_span(1, {"a": [1.0, 2.5]}, "x")) == two.hex()


def test_times_ids_hosts_and_headers_do_not_count():
    moved = [
        replace(
            one, trace_id="cd" * 16, span_id=f"{99 - i:016x}", started_ns=one.started_ns + 10**9, name="other"
        )
        for i, one in enumerate(run_spans(3))
    ]
    assert of(*moved) == of(*run_spans(3))
    there = Exchange(Request("GET", "https://a/x?y=1", (("k", "v"),)), Response(200, (("date", "now"),)))
    here = Exchange(Request("GET", "http://b:8080/x?y=1"), Response(200))
    assert of(exchange_span(0, there)) == of(exchange_span(0, here))


def test_deltas_and_whole_bodies_are_the_same_behaviour():
    assert of(*run_spans(3)) == of(*(exchange_span(i, exchange(i)) for i in range(3)))


@pytest.mark.parametrize(
    "other",
    [
        exchange_span(0, exchange(1)),
        exchange_span(0, exchange(0, status=500)),
        exchange_span(0, exchange(0, answer=b"else")),
        exchange_span(0, replace(exchange(0), end="closed")),
        exchange_span(0, replace(exchange(0), error=Failure("E", ""))),
        exchange_span(0, replace(exchange(0), request=replace(exchange(0).request, method="PUT"))),
        exchange_span(0, replace(exchange(0), request=replace(exchange(0).request, url="https://a/else"))),
        exchange_span(0, replace(exchange(0), response=None)),
        tool_span(0, {}),
        agent_span(0),
    ],
)
def test_other_behaviour_has_another(other):
    assert of(other) != of(exchange_span(0, exchange(0)))


def test_the_order_of_steps_counts():
    one, two = tool_span(0, {"a": 1}), tool_span(1, {"a": 2})
    assert of(one, two) != of(replace(one, started_ns=5000), two)


def test_a_file_has_the_fingerprint_of_its_spans(tmp_path):
    assert sealed(tmp_path / "a.tape", run_spans(4)).fingerprint == tape_of(run_spans(4)).fingerprint


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
        max_leaves=12,
    )
)
def test_every_json_value_has_a_canonical_form_whatever_its_key_order(value):
    def turned(given_):
        if isinstance(given_, dict):
            return {key: turned(inner) for key, inner in reversed(given_.items())}
        return [turned(inner) for inner in given_] if isinstance(given_, list) else given_

    assert canonical(turned(value)) == canonical(value)
    assert json_digest(json.dumps(turned(value))) == json_digest(json.dumps(value))


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("NaN", b'{"spantape.float":"NaN"}'),
        ("-Infinity", b'{"spantape.float":"-Infinity"}'),
        ("1e999", b'{"spantape.float":"Infinity"}'),
        ("9007199254740991", b"9007199254740991"),
        ("9007199254740993", b'{"spantape.int":"9007199254740993"}'),
        (f"-{1 << 200}", b'{"spantape.int":"-%d"}' % (1 << 200)),
        ("1e22", b"1e+22"),
        ("-0.0", b"0"),
        ('{"b":1,"a":"\\ud800"}', b'{"a":"\\\\ud800","b":1}'),
        ("{", b"{"),
        ("[" * 101 + "]" * 101, b"[" * 101 + b"]" * 101),
        ("[" * 100_000, b"[" * 100_000),
        (" " + "[" * 100 + "]" * 100, b"[" * 100 + b"]" * 100),
        (" " + "[" * 101 + "]" * 101, b" " + b"[" * 101 + b"]" * 101),
    ],
)
def test_what_jcs_cannot_say_is_written_as_the_format_specifies(text, form):
    assert json_digest(text) == hashlib.sha256(form).hexdigest()


def test_closing_survives_any_arguments(tmp_path):
    odd = ["NaN", "{", "[" * 50_000, str(1 << 400), "9" * 5000, '"\\ud800"']
    spans = [tool_span(i, text, float("inf")) for i, text in enumerate(odd)]
    assert len(sealed(tmp_path / "a.tape", spans).fingerprint) == 64


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://a.b/c/d?e=f", "/c/d?e=f"),
        ("https://a.b", "/"),
        ("https://a.b?x", "/?x"),
        ("http://[::1]:80/x", "/x"),
        ("/only/path", "/only/path"),
        ("", ""),
    ],
)
def test_the_path_is_what_follows_the_host(url, path):
    assert path_of(url) == path


def test_no_arguments_are_not_empty_ones():
    assert json_digest(None) is None
    assert names.ARGUMENTS in tool_span(0, {}).attributes
