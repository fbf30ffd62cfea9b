"""Steps are what spans mean: bodies rebuilt through their bases, payloads checked, places named."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import zstandard

from spantape._model import Exchange, Failure, Request, Response, digest
from spantape._spans import names
from spantape._spans.codec import compress, write_exchange
from spantape.errors import MissingBase, NotReplayable, TapeDamaged
from spantape.tape.limits import Limits
from spantape.tape.steps import steps_of
from tape_spans import RUN, agent_span, chat, exchange, exchange_span, run_spans, span, tool_span


def changed(recorded, **attributes):
    """`recorded` with some attributes set, and those that are None taken away."""
    merged = {**recorded.attributes, **{key.replace("__", "."): value for key, value in attributes.items()}}
    return replace(recorded, attributes={key: value for key, value in merged.items() if value is not None})


def test_a_long_chain_of_deltas_is_rebuilt_from_any_end():
    steps = steps_of(run_spans(300))
    assert steps[299].request_body() == chat(299)
    assert [step.request_body() for step in steps[::50]] == [chat(turn) for turn in range(0, 300, 50)]


def test_the_order_is_by_start_then_step_then_span_id():
    one, other, third = (tool_span(i, {"i": i}) for i in range(3))
    spans = [replace(third, started_ns=7), replace(other, started_ns=7), replace(one, started_ns=8)]
    assert [step.arguments["i"] for step in steps_of(spans)] == [1, 2, 0]


def test_the_parent_is_the_nearest_tool_or_agent():
    spans = [
        agent_span(0),
        span(1, {"http.route": "/"}, parent=f"{1:016x}"),
        tool_span(2, {}, parent=f"{2:016x}"),
        exchange_span(3, exchange(0), parent=f"{3:016x}"),
        exchange_span(4, exchange(0), parent=f"{4:016x}"),
        exchange_span(5, exchange(0), parent="ee" * 8),
    ]
    assert [step.parent for step in steps_of(spans)] == [None, 0, 1, 1, None]


def test_parents_in_a_cycle_are_no_parents():
    spans = [
        span(0, {}, parent=f"{2:016x}"),
        span(1, {}, parent=f"{1:016x}"),
        tool_span(2, {}, parent=f"{1:016x}"),
    ]
    assert [step.parent for step in steps_of(spans)] == [None]


def test_an_exchange_comes_back_with_its_chunks_times_and_end():
    recorded = Exchange(
        Request("PUT", "http://h/p", (("a", "1"), ("a", "2")), b"\xff\x00"),
        Response(206, (("b", ""),), b"abcdef", (2, 4), (1_000_000, 3_000_000)),
        "error",
        Failure("httpx2.ReadError", ""),
    )
    [step] = steps_of([exchange_span(0, recorded)])
    assert step.exchange() == recorded
    assert (step.status, step.response_digest) == (206, digest(b"abcdef"))


def test_an_exchange_without_a_response():
    recorded = Exchange(Request("GET", "http://h/"), None, "error", Failure("httpx2.ConnectError", "refused"))
    [step] = steps_of([exchange_span(0, recorded)])
    assert step.exchange() == recorded
    assert step.status is step.response_digest is None


def test_a_missing_base_is_named_where_the_body_is_asked_for():
    _first, *rest = run_spans(3)
    steps = steps_of(rest, path="x.tape")
    with pytest.raises(
        MissingBase, match=rf"tape 'x.tape', step 1, request.body: its base body sha256 {digest(chat(0))}"
    ):
        steps[1].request_body()


def test_a_cycle_of_bases_is_named():
    one, two = run_spans(2)
    turned = changed(
        one,
        spantape__request__body__encoding="delta",
        spantape__request__base__sha256=two.attributes[names.REQUEST_DIGEST],
        spantape__request__base__prefix=0,
        spantape__request__base__suffix=0,
    )
    with pytest.raises(TapeDamaged, match=r"step 1, request.body: .* form a cycle"):
        steps_of([turned, two])[1].request_body()


def test_a_body_that_was_sent_again_can_be_its_own_base():
    again = exchange_span(1, exchange(0), chat(0))
    assert again.attributes[names.BASE_DIGEST] == again.attributes[names.REQUEST_DIGEST]
    assert steps_of([exchange_span(0, exchange(0)), again])[1].request_body() == chat(0)


def test_a_delta_past_its_base_is_named():
    one, two = run_spans(2)
    with pytest.raises(TapeDamaged, match=r"step 1, request.body: the delta does not fit"):
        steps_of([one, changed(two, spantape__request__base__prefix=10**9)])[1].request_body()


@pytest.mark.parametrize("field", [names.REQUEST_DIGEST, names.RESPONSE_DIGEST])
def test_a_wrong_digest_is_named_with_its_step(field):
    wrong = replace(run_spans(1)[0], attributes={**run_spans(1)[0].attributes, field: "00" * 32})
    [step] = steps_of([wrong], path="x.tape")
    with pytest.raises(TapeDamaged, match=r"'x.tape', step 0, (request|response).body: got sha256"):
        step.exchange()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (names.HTTP_STATUS, "200"),
        (names.HTTP_STATUS, True),
        (names.URL_FULL, 7),
        (names.REQUEST_SIZE, -1),
        (names.REQUEST_HEADERS, 5),
        (names.REQUEST_HEADERS, (1,)),
        (names.REQUEST_BODY, 5),
        (names.REQUEST_ENCODING, ("delta",)),
        (names.BASE_PREFIX, 1.5),
        (names.RESPONSE_CHUNKS, b"1"),
        (names.END, "exploded"),
        (names.ARGUMENTS, {"a": 1}),
    ],
)
def test_a_value_of_a_wrong_type_is_named(field, value):
    odd = replace(run_spans(1)[0], attributes={**run_spans(1)[0].attributes, field: value})
    with pytest.raises(TapeDamaged, match=rf"'x.tape', step 0, {field}: got"):
        steps_of([odd], path="x.tape")


@pytest.mark.parametrize("encoding", ["gzip", "delta+gzip", "zstd"])
def test_an_encoding_that_does_not_fit_is_named(encoding):
    odd = changed(run_spans(1)[0], spantape__request__body__encoding=encoding)
    with pytest.raises((TapeDamaged, MissingBase), match=r"step 0, request.body"):
        steps_of([odd])[0].request_body()


@pytest.mark.parametrize("text", ["x", "1,2x", "1+", "-1", "1x99999999999"])
def test_odd_chunks_are_named(text):
    odd = changed(run_spans(1)[0], spantape__response__chunks=text)
    with pytest.raises(TapeDamaged, match=r"step 0, response.chunks"):
        steps_of([odd])[0].response  # noqa: B018 - reading it is what is tested


def test_a_zstd_payload_may_not_unfold_to_more_than_stated():
    body = b"0" * (1 << 22)
    packed = {names.REQUEST_BODY: compress(body), names.REQUEST_ENCODING: "zstd"}
    whole = write_exchange(Exchange(Request("POST", "http://h/", (), body), None), None)
    for stated, says in ((10, "stated 10"), (1 << 40, "Limits.body_bytes")):
        attributes = {names.KIND: "exchange", **whole, **packed, names.REQUEST_SIZE: stated}
        with pytest.raises(TapeDamaged, match=says):
            steps_of([span(0, attributes)], limits=Limits(body_bytes=1 << 30))[0].request_body()


def test_a_zstd_payload_without_a_size_in_its_frame_is_bounded_too():
    packer = zstandard.ZstdCompressor(write_content_size=False)
    attributes = write_exchange(
        Exchange(Request("POST", "http://h/", (), b"x"), Response(200, (), b"y")), None
    )
    attributes |= {names.KIND: "exchange", names.RESPONSE_ENCODING: "zstd", names.RESPONSE_SIZE: 1}
    attributes[names.RESPONSE_BODY] = packer.compress(b"0" * (1 << 24))
    with pytest.raises(TapeDamaged, match=r"step 0, response.body"):
        steps_of([span(0, attributes)])[0].response  # noqa: B018 - reading it is what is tested


# --- what was never recorded -------------------------------------------------------------------------------------


def test_a_span_without_content_is_listed_and_says_so_when_asked():
    attributes = {
        names.KIND: "exchange",
        names.HTTP_METHOD: "POST",
        names.URL_FULL: "http://h/",
        names.HTTP_STATUS: 200,
    }
    [step] = steps_of([span(0, {**attributes, names.CONTENT: "none"})], path="x.tape")
    assert (step.method, step.status, step.request_digest) == ("POST", 200, "")
    with pytest.raises(NotReplayable, match=r"'x.tape', step 0, request.body: .*NO_CONTENT"):
        step.request_body()
    with pytest.raises(NotReplayable, match=r"'x.tape', step 0, response.body: .*NO_CONTENT"):
        step.response  # noqa: B018 - reading it is what is tested


def test_what_a_limit_dropped_is_named():
    cut = changed(run_spans(1)[0], spantape__request__body=None, spantape__cut=(names.REQUEST_BODY,))
    with pytest.raises(NotReplayable, match="OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"):
        steps_of([cut])[0].request_body()
    lost = replace(changed(run_spans(1)[0], url__full=None), dropped_attributes=3)
    with pytest.raises(NotReplayable, match=r"url.full"):
        steps_of([lost])[0].request_body()


def test_a_tool_without_its_result_never_answers_none():
    for more in ({names.CONTENT: "none"}, {names.CUT: (names.RESULT,)}):
        recorded = tool_span(0, {})
        attributes = {
            k: v for k, v in recorded.attributes.items() if k not in (names.RESULT, names.ARGUMENTS)
        }
        [step] = steps_of([replace(recorded, attributes=attributes | more)])
        with pytest.raises(NotReplayable, match=names.RESULT):
            step.result  # noqa: B018 - reading it is what is tested
        with pytest.raises(NotReplayable, match=names.ARGUMENTS):
            step.arguments  # noqa: B018 - reading it is what is tested


def test_a_tool_that_raised_has_no_result():
    recorded = tool_span(0, {"q": 1})
    attributes = {k: v for k, v in recorded.attributes.items() if k != names.RESULT}
    failed = {names.ERROR_TYPE: "ValueError", names.ERROR_MESSAGE: "no", names.CUT: ("x",)}
    [step] = steps_of([replace(recorded, attributes=attributes | failed)])
    assert step.error == Failure("ValueError", "no")
    assert step.result is None


def test_arguments_that_are_no_json_are_named():
    [step] = steps_of([tool_span(0, "{")])
    with pytest.raises(TapeDamaged, match=r"step 0, spantape.arguments"):
        step.arguments  # noqa: B018 - reading it is what is tested
    [deep] = steps_of([tool_span(0, "[" * 100_000)])
    with pytest.raises(TapeDamaged, match=r"step 0, spantape.arguments"):
        deep.arguments  # noqa: B018 - reading it is what is tested


def test_listing_costs_no_payload():
    spans = [
        changed(one, spantape__request__body="not it", spantape__response__body="neither")
        for one in run_spans(3)
    ]
    assert [step.request_digest for step in steps_of(spans)] == [digest(chat(turn)) for turn in range(3)]


def test_run_spans_give_no_step():
    assert steps_of([span(0, {names.KIND: "run", names.RUN_ID: RUN, names.RUN_NAME: json.dumps("x")})]) == ()
