from __future__ import annotations

import json
import threading

import httpx2
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

import spantape
from spantape._dialects._base import Asked
from spantape._model import digest
from spantape._spans import names, runs
from spantape._spans.body import Base, Body
from spantape._spans.codec import read_body, write_body
from spantape._spans.redaction import Redactor
from spantape._spans.runs import (
    BODIES_BYTES,
    BODIES_PER_RUN,
    KEYFRAME_EVERY,
    KEYFRAME_EVERY_SMALL,
    LARGEST_BASE,
    ROOTLESS_RUNS,
    RUNS,
    SMALL_BODY,
    Run,
    RunBook,
    apply_edits,
)

CHAT = "/v1/chat/completions"


def chat(*texts, filler="words of a long instruction. " * 12):
    """A request body with a message for each of `texts`; long enough to be a base."""
    messages = [{"role": "system", "content": filler}, *({"role": "user", "content": text} for text in texts)]
    return json.dumps({"model": "m", "messages": messages}, ensure_ascii=False).encode()


def asked(data):
    """What a dialect would read: the history ends where the list of messages does."""
    return Asked(
        stream=False, message_count=data.count(b'"role"'), history_end=max(data.rfind(b"}]}"), -1) + 1
    )


def recorded(run, raw, path=CHAT, *, remember=True):
    """`raw` recorded in `run` as an exchange would be; the body, its base, and its attributes."""
    origin = run.nearest(path, raw)
    body, base = run.record_body(path, raw, origin, asked, clean=False)
    attributes = {}
    write_body(attributes, body, base)
    if remember:
        run.remember(body)
    return body, base, attributes


def plain_run():
    return Run("r", None)


def plain_book():
    return RunBook(lambda: None)


def body_of(raw, path=CHAT):
    return Body(path, raw, raw, digest(raw), asked=asked(raw))


# --- bases -------------------------------------------------------------------------------------------------------


def test_a_history_that_grows_is_written_as_what_is_new():
    run = plain_run()
    recorded(run, chat("one"))
    _, base, attributes = recorded(run, chat("one", "two"))
    assert base.body.raw == chat("one")
    assert attributes[names.REQUEST_BODY] == ', {"role": "user", "content": "two"}'
    assert read_body(attributes, chat("one")) == chat("one", "two")


def test_a_body_that_shares_little_is_written_whole():
    run = plain_run()
    recorded(run, b'{"a": 1}')
    assert recorded(run, b'{"a": 2}')[1] is None


def test_a_body_of_another_endpoint_is_no_base():
    run = plain_run()
    recorded(run, chat("one"), "/v1/responses")
    assert recorded(run, chat("one", "two"))[1] is None


def test_a_body_that_was_not_remembered_is_no_base():
    run = plain_run()
    recorded(run, chat("one"), remember=False)
    assert recorded(run, chat("one", "two"))[1] is None


def test_the_same_body_again_is_nothing_new():
    run = plain_run()
    recorded(run, chat("one"))
    _, _, attributes = recorded(run, chat("one"))
    assert attributes[names.REQUEST_BODY] == ""
    assert read_body(attributes, chat("one")) == chat("one")


def test_the_nearest_of_several_histories_is_the_base():
    run = plain_run()
    long = "x" * 3000
    for name in "abc":
        recorded(run, chat(f"{name}{long}"))
    assert recorded(run, chat(f"b{long}", "more"))[1].body.raw == chat(f"b{long}")


def test_a_body_that_is_sent_again_pushes_no_other_out():
    run = plain_run()
    histories = [chat(name * 300) for name in "abcdefgh"[:BODIES_PER_RUN]]
    for raw in histories:
        recorded(run, raw)
    for _ in range(20):
        recorded(run, histories[-1])
    assert {body.raw for body in run.candidates(CHAT)} == set(histories)


@pytest.mark.parametrize(
    ("length", "every"), [(1_000, KEYFRAME_EVERY_SMALL), (SMALL_BODY + 1_000, KEYFRAME_EVERY)]
)
def test_a_whole_body_is_written_every_so_often(length, every):
    assert (KEYFRAME_EVERY_SMALL, KEYFRAME_EVERY) == (32, 256)
    run = plain_run()
    raw = b"x" * length
    whole = []
    for turn in range(2 * every + 1):
        raw += b"."
        if recorded(run, raw)[1] is None:
            whole.append(turn)
    assert whole == [0, every, 2 * every]


@pytest.mark.parametrize("again", [False, True])
def test_a_body_sent_over_and_over_is_written_whole_every_so_often(again):
    run = plain_run()
    raw = chat("one")
    whole = [turn for turn in range(100) if recorded(run, raw if again else bytes(bytearray(raw)))[1] is None]
    assert whole == [0, 32, 64, 96]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 5), st.text(max_size=30)), min_size=1, max_size=12))
def test_every_body_of_a_run_is_rebuilt_from_its_bases(turns):
    run = plain_run()
    histories = {}
    known = {}
    for which, text in turns:
        histories[which] = [*histories.get(which, [str(which) * 300]), text]
        raw = chat(*histories[which])
        _, base, attributes = recorded(run, raw)
        base_body = None if base is None else known[attributes[names.BASE_DIGEST]]
        assert read_body(attributes, base_body) == raw
        known[attributes[names.REQUEST_DIGEST]] = raw


# --- bounds ------------------------------------------------------------------------------------------------------


def held(book):
    """The bytes that a book's runs really hold."""
    found = {id(run): run for run in (*book._runs.values(), *(head.run for head in book._rootless.values()))}
    return sum(runs._size(body) for run in found.values() for body in run._bodies)


def test_a_run_keeps_a_few_bodies_of_a_few_bytes():
    run = plain_run()
    for turn in range(40):
        run.remember(body_of(b"%05d" % turn + b"x" * (LARGEST_BASE // 3)))
        assert len(run.candidates(CHAT)) <= BODIES_PER_RUN
        assert sum(len(body.raw) for body in run.candidates(CHAT)) <= LARGEST_BASE
    small = plain_run()
    for turn in range(40):
        small.remember(body_of(b"%05d" % turn))
    assert [body.raw for body in small.candidates(CHAT)] == [b"%05d" % turn for turn in range(39, 31, -1)]


def test_a_huge_body_is_kept_nowhere():
    run, book = plain_run(), plain_book()
    huge = b"x" * (LARGEST_BASE + 1)
    assert run.remember(body_of(huge)) == 0
    assert run.candidates(CHAT) == []
    book.remember(plain_run(), Body(CHAT, huge, huge, "", asked=asked(b"..}]}")), rootless_span=object())
    assert not book._rootless
    assert book._held == 0


def test_redacted_bodies_count_twice_since_both_forms_are_held():
    run = plain_run()
    raw, data = b"x" * (LARGEST_BASE // 2 + 1), b"y" * (LARGEST_BASE // 2 + 1)
    assert run.remember(Body(CHAT, raw, data, "")) == 0
    assert run.remember(body_of(raw)) == len(raw)


def test_all_runs_together_hold_a_bounded_number_of_bytes():
    book = plain_book()
    for number in range(60):
        raw = chat("x" * (1 << 20), filler=f"{number}")
        if number % 2:
            book.remember(book.run(f"{number:032x}"), body_of(raw))
        else:
            book.remember(Run(f"{number:032x}", None), body_of(raw), rootless_span=object())
        assert held(book) <= BODIES_BYTES
        assert book._held == held(book)
    assert book.run(f"{59:032x}").candidates(CHAT), "the newest run keeps its bodies"


def test_rootless_runs_are_few_and_the_oldest_goes():
    book = plain_book()
    for number in range(ROOTLESS_RUNS + 9):
        book.remember(Run(f"{number:032x}", None), body_of(chat(f"{number}")), rootless_span=number)
    assert len(book._rootless) == ROOTLESS_RUNS
    assert book._held == held(book)
    assert book.continued(CHAT, chat("8", "more"), resent=False) is None
    assert book.continued(CHAT, chat("9", "more"), resent=False).link == 9


def test_a_call_without_a_history_leaves_nothing_behind():
    book = plain_book()
    for number in range(50):
        raw = b"%05d" % number * (1 << 17)
        book.remember(book.begin(), Body("/v1/embeddings", raw, raw, ""), rootless_span=object())
    assert (book._held, held(book), len(book._rootless)) == (0, 0, 0)


def test_runs_are_bounded_and_one_that_fell_out_while_it_went_on_is_taken_back():
    book = plain_book()
    old = book.run("a" * 32)
    book.remember(old, body_of(chat("one")))
    for number in range(RUNS):
        book.run(f"{number:032x}")
    assert len(book._runs) == RUNS
    assert old.candidates(CHAT) == []
    book.remember(old, body_of(chat("one", "two")))
    assert book.run("a" * 32) is old
    assert len(book._runs) == RUNS
    assert book._held == held(book) > 0


def test_a_run_whose_id_is_another_runs_by_now_counts_no_bytes():
    book = plain_book()
    old = book.run("a" * 32)
    for number in range(RUNS):
        book.run(f"{number:032x}")
    new = book.run("a" * 32)
    book.remember(old, body_of(chat("one")))
    assert new is not old
    assert book._held == held(book) == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ABCDE"), st.booleans(), st.integers(1, 9), st.booleans()), max_size=30
    )
)
def test_the_bytes_that_are_counted_are_those_that_are_held(calls):
    book = plain_book()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "BODIES_BYTES", 12_000)
        patch.setattr(runs, "LARGEST_BASE", 6_000)
        patch.setattr(runs, "ROOTLESS_RUNS", 2)
        patch.setattr(runs, "RUNS", 2)
        rootless = {}
        for name, has_root, size, redacted in calls:
            raw = chat(name + "x" * size * 900, filler="")
            body = Body(CHAT, raw, raw + b" " if redacted else raw, "", asked=asked(raw))
            if has_root:
                book.remember(book.run(name), body)
            else:
                book.remember(rootless.setdefault(name, Run(name, None)), body, rootless_span=object())
            assert book._held == held(book)
            assert held(book) <= 12_000
            assert len(book._runs) <= 2
            assert len(book._rootless) <= 2


# --- runs without a root -----------------------------------------------------------------------------------------


def test_a_call_that_continues_a_history_is_of_its_run():
    book = plain_book()
    first = Run("1", None)
    book.remember(first, body_of(chat("one")), rootless_span="a span")
    found = book.continued(CHAT, chat("one", "two"), resent=False)
    assert (found.run, found.link) == (first, "a span")
    assert book.continued(CHAT, chat("two"), resent=False) is None
    assert book.continued("/v1/responses", chat("one", "two"), resent=False) is None


def test_the_same_question_again_is_a_new_run_unless_it_is_a_retry():
    book = plain_book()
    book.remember(Run("1", None), body_of(chat("one")), rootless_span="a span")
    assert book.continued(CHAT, chat("one"), resent=False) is None
    assert book.continued(CHAT, chat("one"), resent=True).link == "a span"


def test_steps_are_counted_over_threads():
    run = plain_run()
    taken = []
    threads = [
        threading.Thread(target=lambda: taken.extend(run.next_step() for _ in range(200))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1600))


# --- secrets over bases ------------------------------------------------------------------------------------------

SECRETS = [
    "alice@example.com",
    "bob.o'neil+x@mail.example.co.uk",
    "sk-proj-Ab3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW",
    "123-45-6789",
    "4111 1111 1111 1111",
    "DE89370400440532013000",
    "password=hunter2hunter2Xy9",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEF\n-----END PRIVATE KEY-----",
    "https://user:p4ssw0rdXy@host.example/x",
]
pieces = st.one_of(
    st.sampled_from(SECRETS),
    st.sampled_from([secret[: len(secret) // 2] for secret in SECRETS]),
    st.sampled_from([secret[len(secret) // 2 :] for secret in SECRETS]),
    st.sampled_from([" ", "and ", "é", "__email_1__", "__email_7__", ".", '"', "\\", "\n", "x" * 600]),
    st.text(max_size=8),
)
sentences = st.lists(pieces, max_size=5).map("".join)


def scratch(redactor, raw):
    """The whole body redacted without any memory of bodies."""
    return redactor.body(raw)


@settings(max_examples=200, deadline=None)
@given(st.lists(sentences, min_size=1, max_size=3), st.lists(sentences, min_size=1, max_size=4))
def test_a_growing_history_is_redacted_as_if_it_were_searched_whole(history, turns):
    run, whole = Run("r", Redactor()), Redactor()
    for turn in turns:
        history = [*history, turn]
        raw = chat(*history)
        assert recorded(run, raw)[0].data == scratch(whole, raw)


@settings(max_examples=200, deadline=None)
@given(sentences, sentences, sentences, sentences)
def test_a_body_whose_text_changed_anywhere_is_redacted_as_if_it_were_searched_whole(head, old, new, tail):
    run, whole = Run("r", Redactor()), Redactor()
    for text in (head + old + tail, head + new + tail, head + tail, head + old + new + tail):
        raw = chat(text)
        assert recorded(run, raw)[0].data == scratch(whole, raw)


@settings(max_examples=100, deadline=None)
@given(sentences, sentences, sentences)
def test_a_body_that_is_no_json_is_redacted_as_if_it_were_searched_whole(head, middle, tail):
    assume("\0" not in head + middle + tail)  # in a binary body only the text of what is new is looked at
    run, whole = Run("r", Redactor()), Redactor()
    filler = "plain words without any quotes. " * 9
    for text in (head + tail, head + middle + tail, head + middle):
        raw = f"{filler}{text}\n{filler}".encode("utf-8", "surrogatepass")
        assert recorded(run, raw)[0].data == scratch(whole, raw)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_in_any_part_of_a_body_is_replaced_once_and_for_all(secret):
    run = Run("r", Redactor())
    for texts in (
        [f"mine is {secret} yes"],  # found in a whole body
        [f"mine is {secret} yes", "then"],  # in the prefix that is shared
        [f"mine is {secret} yes", f"again {secret}"],  # in the middle
        [f"mine is {secret} yes", f"now {secret} again {secret}"],  # behind it
        [f"mine is {secret[:9]}"],  # cut
        [f"mine is {secret[:9]}{secret[9:]} yes"],  # over the cut
    ):
        body, _, attributes = recorded(run, chat(*texts))
        core = secret.removeprefix("password=").encode()
        if texts[0] != f"mine is {secret[:9]}":
            assert core.splitlines()[-1] not in body.data.replace(b"host.example/x", b"")
            assert core.splitlines()[0] not in body.data
        assert attributes[names.REQUEST_DIGEST] == digest(body.data)
        assert apply_edits(body.raw, body.edits) == body.data


def test_edits_are_carried_to_where_the_text_moved():
    run = Run("r", Redactor())
    first = chat("alice@example.com", "x" * 400, "bob@example.com")
    second = chat("alice@example.com", "x" * 200, "carol@example.com", "x" * 200, "bob@example.com")
    recorded(run, first)
    body, base, _ = recorded(run, second)
    assert base is not None
    assert [edit.replacement for edit in body.edits] == [b"__email_1__", b"__email_3__", b"__email_2__"]
    assert b"@" not in body.data


def test_the_delta_is_of_what_is_recorded_not_of_what_was_sent():
    run = Run("r", Redactor())
    recorded(run, chat("alice@example.com"))
    body, base, attributes = recorded(run, chat("alice@example.com", "bob@example.com"))
    assert isinstance(base, Base)
    assert "__email_2__" in attributes[names.REQUEST_BODY]
    assert read_body(attributes, base.body.data) == body.data


# --- which bodies become bases -----------------------------------------------------------------------------------


@pytest.fixture
def post():
    """A model call through the seam, answered inside the program; `answer` may hold it up."""

    def call(raw, answer=lambda: None):
        def handler(_request):
            answer()
            return httpx2.Response(200, json={})

        with httpx2.Client(transport=httpx2.MockTransport(handler)) as client:
            client.post(f"https://api.openai.com{CHAT}", content=raw)

    return call


def test_a_span_that_is_not_recorded_is_no_base(make_spans, post):
    class Second(Sampler):
        """Records every other span."""

        seen = 0

        def should_sample(self, *_args, **_kwargs):
            Second.seen += 1
            return SamplingResult(Decision.DROP if Second.seen % 2 else Decision.RECORD_AND_SAMPLE)

        def get_description(self):
            return "every other"

    spans = make_spans(sampler=Second())
    with spantape.instrument(spans.provider):
        post(chat("one"))
        post(chat("one", "two"))
    assert names.BASE_DIGEST not in spans.one().attributes


def test_a_span_that_has_not_ended_is_no_base(make_spans, post):
    spans = make_spans()
    with spantape.instrument(spans.provider), spans.provider.get_tracer("t").start_as_current_span("root"):
        post(chat("one"), answer=lambda: post(chat("one", "two")))
        post(chat("one", "two", "three"))
    inner, outer, last, _ = spans.all()
    assert names.BASE_DIGEST not in inner.attributes
    assert names.BASE_DIGEST not in outer.attributes
    ended = {span.attributes[names.REQUEST_DIGEST] for span in (inner, outer)}
    assert last.attributes[names.BASE_DIGEST] in ended


def test_a_span_without_its_payload_is_no_base(make_spans, post, monkeypatch):
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "NO_CONTENT")
    spans = make_spans()
    with spantape.instrument(spans.provider), spans.provider.get_tracer("t").start_as_current_span("root"):
        post(chat("one"))
        post(chat("one", "two"))
    assert not any(
        names.BASE_DIGEST in span.attributes or names.REQUEST_BODY in span.attributes for span in spans.all()
    )


def test_calls_in_threads_are_rebuilt_from_each_other(make_spans, post):
    spans = make_spans()
    with spantape.instrument(spans.provider):

        def run(name):
            with spans.provider.get_tracer("t").start_as_current_span(name):
                for turn in range(6):
                    post(chat(*[f"{name} {one}" for one in range(turn + 1)]))

        threads = [threading.Thread(target=run, args=[f"thread {number}"]) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    calls = [span for span in spans.all() if names.REQUEST_BODY in span.attributes]
    assert len(calls) == 36
    known = {}
    for span in sorted(calls, key=lambda one: one.attributes[names.REQUEST_SIZE]):
        base = known.get((span.context.trace_id, span.attributes.get(names.BASE_DIGEST)))
        body = read_body(span.attributes, base)
        known[span.context.trace_id, digest(body)] = body
    assert sum(names.BASE_DIGEST in span.attributes for span in calls) == 30
