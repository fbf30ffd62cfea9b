from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._framing.delta import find_delta
from spantape._model import Failure
from spantape._spans.body import Base, Body
from spantape._spans.call import Call, Outcome
from spantape._spans.recorded import is_clean_request, redacted
from spantape._spans.redaction import Redactor

KEY = "sk-proj-Ab3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW"
SECRETS = [
    "alice@example.com",
    KEY,
    "123-45-6789",
    "4111 1111 1111 1111",
    "DE89370400440532013000",
    "password=hunter2hunter2Xy9",
    "https://user:p4ssw0rdXy@host.example/x",
    "Bearer Ab3dE5fG7hI9jK1lM3nO5pQ7",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4fw",
]
fragments = st.one_of(
    st.sampled_from(SECRETS),
    st.sampled_from([secret[: len(secret) // 2] for secret in SECRETS]),
    st.sampled_from([secret[len(secret) // 2 :] for secret in SECRETS]),
    st.sampled_from([" ", "and ", "é", "__email_1__", '"', "\\", "\n", "x" * 700]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)
sentences = st.lists(fragments, max_size=4).map("".join)
lines = sentences.map(lambda text: text.replace("\n", " "))
urls = st.one_of(
    st.just("https://api.example.com/v1/chat/completions"),
    st.sampled_from(
        [
            f"https://api.example.com/v1?key={KEY}",
            "https://user:p4ssw0rdXy@api.example.com/v1",
            "https://api.example.com/v1/alice@example.com",
            "https://api.example.com/v1/alice%40example.com",
        ]
    ),
)


def call_of(url="https://api.example.com/v1", headers=(), body=b""):
    return Call("POST", url, "api.example.com", 443, "/v1", headers, body)


def outcome_of(body=b"", headers=(), error=None, pieces=1):
    size = max(len(body) // pieces, 1)
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    outcome = Outcome(200, headers, chunks, error=error)
    outcome.settle()
    return outcome


def searched(redactor, call, outcome):
    """What searching each text of a call in full gives, in the order in which they are searched."""
    url = redactor.url(call.url)
    asked = redactor.headers(call.headers, response=False)
    content_type = dict(outcome.headers).get("content-type", "")
    body, lengths = redactor.stream(outcome.body, outcome.lengths or (len(outcome.body),), content_type)
    answered = redactor.headers(outcome.headers, response=True)
    error = (
        None if outcome.error is None else Failure(outcome.error.type, redactor.text(outcome.error.message))
    )
    return url, asked, answered, body, lengths if outcome.lengths else (), error


def given_as(recorded):
    return (
        recorded.url,
        recorded.request_headers,
        recorded.response_headers,
        recorded.body,
        recorded.lengths,
        recorded.error,
    )


def hidden(parts):
    """The parts with every placeholder's number taken out: which texts were replaced, in whatever order."""
    return re.sub(r"_\d+__", "_N__", repr(parts))


@settings(max_examples=150, deadline=None)
@given(
    urls,
    st.lists(
        st.tuples(st.sampled_from(["user-agent", "x-title", "http-referer", "accept"]), lines), max_size=2
    ),
    st.lists(st.tuples(st.sampled_from(["location", "link", "content-disposition"]), lines), max_size=2),
    sentences,
    st.sampled_from(["application/json", "text/event-stream", "text/plain", ""]),
    st.one_of(st.none(), sentences),
    st.integers(1, 4),
)
def test_the_look_at_everything_at_once_misses_nothing(  # noqa: PLR0917 - a parameter for each text that is searched
    url, asked, answered, said, content_type, error, pieces
):
    body = json.dumps({"content": said}).encode()
    if content_type == "text/event-stream":
        body = b"data: " + body + b"\n\ndata: [DONE]\n\n"
    failure = None if error is None else Failure("E", error)
    call = call_of(url, tuple(asked), b"{}")
    outcome = outcome_of(body, (("content-type", content_type), *answered), failure, pieces)
    assert hidden(given_as(redacted(Redactor(), call, outcome))) == hidden(
        searched(Redactor(), call, outcome)
    )


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("place", ["answer", "stream", "long answer", "error", "agent", "link"])
def test_a_secret_in_one_place_is_replaced_there(secret, place):
    said = json.dumps({"content": f"so {secret} it is"}).encode()
    padded = json.dumps({"content": "x " * 9000 + f"so {secret} it is"}).encode()
    bodies = {"answer": said, "stream": b"data: " + said + b"\n\n", "long answer": padded}
    kind = "text/event-stream" if place == "stream" else "application/json"
    answered = (("content-type", kind), *([("link", f"<{secret}>; rel=x")] if place == "link" else []))
    asked = (("user-agent", f"by {secret}"),) if place == "agent" else ()
    failure = Failure("E", f"no {secret} there") if place == "error" else None
    outcome = outcome_of(bodies.get(place, b"{}"), answered, failure)
    recorded = redacted(Redactor(), call_of(headers=asked), outcome)
    core = secret.removeprefix("password=").removeprefix("Bearer ")
    assert core not in repr(given_as(recorded))
    assert "_1__" in repr(given_as(recorded))


def test_what_is_clean_is_the_very_same_objects():
    body = b'{"content": "nothing here"}'
    outcome = outcome_of(body, (("content-type", "application/json"), ("x-request-id", "r1")))
    recorded = redacted(Redactor(), call_of(), outcome)
    assert recorded.body is outcome.body
    assert recorded.response_headers == outcome.headers


@pytest.mark.parametrize("header", ["x-request-id", "server", "x-ms-client-request-id", "etag"])
def test_what_a_server_says_again_of_the_request_is_replaced(header):
    redactor = Redactor()
    redactor.learn((("authorization", f"Bearer {KEY}"),))
    for echoed in ("for alice@example.com", f"key {KEY}"):
        recorded = redacted(redactor, call_of(), outcome_of(b"{}", ((header, echoed),)))
        assert echoed.split()[-1] not in repr(recorded.response_headers)


def test_headers_that_are_not_recorded_are_gone():
    headers = (
        ("authorization", f"Bearer {KEY}"),
        ("cookie", "a=b"),
        ("x-secret-thing", "1"),
        ("accept", "*/*"),
    )
    answered = (("set-cookie", "a=b"), ("x-request-id", "r1"))
    recorded = redacted(Redactor(), call_of(headers=headers), outcome_of(b"{}", answered))
    assert recorded.request_headers == (("accept", "*/*"),)
    assert recorded.response_headers == (("x-request-id", "r1"),)


def chat(*texts):
    filler = {"role": "system", "content": "words of a long instruction. " * 20}
    return json.dumps({"messages": [filler, *({"role": "user", "content": text} for text in texts)]}).encode()


@settings(max_examples=200, deadline=None)
@given(sentences, sentences, sentences, sentences)
def test_the_look_at_what_is_new_misses_no_secret_around_the_cut(head, old, new, tail):
    redactor = Redactor()
    redactor.learn((("authorization", "Bearer " + "Zq7" * 300),))
    base, body = chat(head + old + tail), chat(head + new + tail, tail)
    origin = Base(Body("/", base, base, ""), *find_delta(base, body))
    if is_clean_request(redactor, body, origin):
        assert redactor.edits(body, origin.prefix, len(body) - origin.suffix) == []
    if is_clean_request(redactor, body, None):
        assert redactor.edits(body) == []


def test_a_long_secret_that_the_cut_divides_is_seen():
    key = "Zq7pL0" * 300
    redactor = Redactor()
    redactor.learn((("authorization", f"Bearer {key}"),))
    base, body = chat(key[:1500]), chat(key)
    origin = Base(Body("/", base, base, ""), *find_delta(base, body))
    assert not is_clean_request(redactor, body, origin)


def test_a_long_body_is_not_looked_at_but_searched():
    assert is_clean_request(Redactor(), chat("hello"), None)
    assert not is_clean_request(Redactor(), chat("hello " * 4000), None)
