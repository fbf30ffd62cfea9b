"""Bodies stay the JSON that they were, without their secrets, whatever stands around these."""

from __future__ import annotations

import json
import re
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._spans.redaction import Edit, Redactor, apply_edits, shift_chunks

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
word = st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=8)
email = st.builds("{}.{}@{}.com".format, word, word, word)
body_of_key = st.text(ALPHABET, min_size=36, max_size=36).map(lambda text: "q7" + text)
key = st.builds("{}{}".format, st.sampled_from(["sk-proj-", "ghp_", "gsk_", "xai-"]), body_of_key)
secret = st.one_of(email, key)
blank = st.sampled_from([" ", "\n", '"', "\t", "é ", "\\n", ": ", "<", "'", "\r\n", "\u2028"])
prose = st.text(max_size=20).map(lambda text: re.sub(r"[@_0-9]", "", text))


@st.composite
def texts(draw):
    """A text with secrets in it, and these."""
    secrets = draw(st.lists(secret, min_size=1, max_size=4))
    parts = [draw(prose)]
    for one in secrets:
        parts += [draw(blank), one, draw(blank), draw(prose)]
    return "".join(parts), secrets


def values(strings):
    return st.recursive(
        strings | st.integers() | st.booleans() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(word, inner, max_size=3),
        max_leaves=6,
    )


def shape(value):
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return "text" if isinstance(value, str) else value


def without(data, secrets):
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    for one in secrets:
        for form in (one, json.dumps(one)[1:-1], one.replace("@", "\\u0040"), quote(one, safe="")):
            assert form.encode() not in raw


@given(texts(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_json_keeps_its_structure_and_loses_its_secrets(made, ascii_only):
    text, secrets = made
    value = {"messages": [{"content": text}, {"content": [text, 1, None]}], "n": 12345678901234567890}
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    clean = Redactor().body(data)
    without(clean, secrets)
    assert shape(json.loads(clean.decode("utf-8", "surrogatepass"))) == shape(value)


@given(texts(), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_json_in_json_stays_json_at_every_level(made, depth):
    text, secrets = made
    inner = {"text": text}
    for _ in range(depth):
        inner = {"arguments": json.dumps(inner)}
    clean = Redactor().body(json.dumps(inner).encode())
    without(clean, secrets)
    for _ in range(depth):
        inner_clean = json.loads(clean)
        clean = inner_clean["arguments"]
    assert set(json.loads(clean)) == {"text"}


@given(texts())
@settings(max_examples=150, deadline=None)
def test_what_was_redacted_stays_as_it_is(made):
    redactor = Redactor()
    once = redactor.text(made[0])
    assert redactor.text(once) == once
    assert Redactor().text(once) == once
    data = json.dumps(made[0]).encode()
    again = redactor.body(data)
    assert redactor.body(again) is again


@given(st.lists(texts(), min_size=1, max_size=5), st.data())
@settings(max_examples=100, deadline=None)
def test_a_replay_that_is_answered_with_placeholders_numbers_alike(made, data):
    """Recorded: every text with its secrets. Replayed: what first came from the tape is passed on as it came."""
    recording, replay = Redactor(), Redactor()
    passed_on: dict[str, str] = {}
    own: set[str] = set()
    for text, secrets in made:
        recorded = recording.text(text)
        if data.draw(st.booleans(), label="from the tape"):
            replay.observe(recorded)
            passed_on |= {one: recording.text(one) for one in secrets if one not in own}
        else:
            own |= set(secrets) - set(passed_on)
            live = text
            for one in sorted(passed_on, key=len, reverse=True):
                live = live.replace(one, passed_on[one])
            assert replay.text(live) == recorded


@given(texts(), texts(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_part_is_searched_up_to_the_ends_of_its_strings(before, after, data):
    value = [before[0], "x" + after[0] + "y", {"k": "quiet"}]
    body = json.dumps(value).encode()
    start = body.index(b'"x') + 1
    stop = body.index(b', {"k"')
    cut = data.draw(st.integers(start, stop - 1))
    clean = Redactor().body(body, cut, stop)
    without(json.loads(clean)[1], after[1])
    assert shape(json.loads(clean)) == shape(value)


def test_a_part_leaves_the_other_strings_alone():
    body = b'["a@example.com", "b@example.com", "c@example.com"]'
    assert Redactor().body(body, 22, 25) == b'["a@example.com", "__email_1__", "c@example.com"]'


def test_a_part_that_begins_in_a_value_knows_the_name_of_its_member():
    body = b'{"a": "x", "api_key": "abcd1234efgh"}'
    assert Redactor().body(body, 28) == b'{"a": "x", "api_key": "__api_key_1__"}'
    assert Redactor().body(body, 22) == b'{"a": "x", "api_key": "__api_key_1__"}'


def test_edits_lead_from_the_body_to_the_recorded_one():
    body = b'{"m": "a@example.com and b@example.com"}'
    edits = Redactor().edits(body)
    assert edits == [Edit(7, 20, b"__email_1__"), Edit(25, 38, b"__email_2__")]
    assert apply_edits(body, edits) == b'{"m": "__email_1__ and __email_2__"}'


def test_a_body_without_secrets_is_given_back_itself():
    data = json.dumps({"m": "nothing @ all, 1234-5678"}).encode()
    assert Redactor().body(data) is data
    assert Redactor().edits(data) == []


@pytest.mark.parametrize(
    "written",
    [
        rb'"alice\u0040example.com"',
        rb'"to\nalice@example.com\""',
        rb'"{\"to\": \"\\nalice\\u0040example.com\\\"\"}"',
        rb'"\u0061 alice@example.com"',
        b'"q=alice%40example.com&x"',
        rb'"\/alice@example.com\/"',
        rb'"\t\talice@example.com"',
    ],
)
def test_one_address_has_one_placeholder_however_it_is_written(written):
    redactor = Redactor()
    assert redactor.text("alice@example.com") == "__email_1__"
    clean = redactor.body(written)
    assert clean.count(b"__email_1__") == 1
    assert b"alice" not in clean
    assert b"n__email" not in clean.replace(b"\\n", b"")
    json.loads(clean)


def test_the_letter_of_an_escape_is_no_part_of_a_secret():
    data = rb'{"a":"x\nbob@example.com\n","b":"{\"c\":\"x\\nbob@example.com\\n\\\"\"}"}'
    assert Redactor().body(data) == rb'{"a":"x\n__email_1__\n","b":"{\"c\":\"x\\n__email_1__\\n\\\"\"}"}'


def test_numbers_of_json_stay_numbers():
    value = {"a": 4111111111111111, "b": [4111111111111111, 1], "c": json.dumps({"d": 4111111111111111})}
    data = json.dumps(value, indent=1).encode()
    assert Redactor().body(data) is data
    assert (
        Redactor().text("cards: 4111111111111111, 5555555555554444")
        == "cards: __credit_card_1__, __credit_card_2__"
    )


def test_a_private_key_is_one_secret_with_its_line_ends_written_or_escaped():
    pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQ==\n-----END PRIVATE KEY-----\n"
    redactor = Redactor()
    assert redactor.text(pem) == "__private_key_1__\n"
    assert json.loads(redactor.body(json.dumps({"k": pem}).encode())) == {"k": "__private_key_1__\n"}
    assert json.loads(redactor.body(json.dumps(json.dumps([pem])).encode())) == '["__private_key_1__\\n"]'


@pytest.mark.parametrize("value", ['ab"cdefg', "ab\\cdefgh", "abc'defg1"])
def test_a_field_ends_at_the_quote_of_its_own_level(value):
    inner = {"password": value, "x": "quiet please"}
    assert json.loads(Redactor().body(json.dumps(inner).encode())) == {
        "password": "__password_1__",
        "x": "quiet please",
    }
    nested = json.loads(Redactor().body(json.dumps({"arguments": json.dumps(inner)}).encode()))
    assert json.loads(nested["arguments"]) == {"password": "__password_1__", "x": "quiet please"}


def test_a_field_may_end_with_a_backslash():
    inner = {"password": "abcdefg\\", "x": "quiet please"}
    assert json.loads(Redactor().body(json.dumps(inner).encode())) == {**inner, "password": "__password_1__"}


def test_a_short_field_does_not_reach_into_the_next():
    data = b'{"password":"abc","x":"yes, it is so"}'
    assert Redactor().body(data) is data


def test_binary_bodies_are_left_alone():
    data = b"\x00\x01 a@example.com \xff" * 3
    assert Redactor().body(data) is data


def test_the_text_parts_of_a_multipart_upload_are_searched_and_the_files_are_not():
    mark = b"--b0undary"
    text = b'\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nwrite to a@example.com\r\n'
    file = b'\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n\x00a@example.com\x00\r\n'
    body = mark + text + mark + file + mark + b"--\r\n"
    assert (
        Redactor().body(body)
        == mark + text.replace(b"a@example.com", b"__email_1__") + mark + file + mark + b"--\r\n"
    )


@pytest.mark.parametrize("data", [b"", b'"', b"\\", b'{"', b"\xff\xfe@\x80", b"\\u004", b"%4", b"@" * 100])
def test_malformed_bodies_pass(data):
    redactor = Redactor()
    for start in range(len(data) + 1):
        assert redactor.body(data, start) is data


FILLERS = [
    b"a",
    b"@",
    b"a@",
    b"a.",
    b"a@b.",
    b".eyJ",
    b"eyJa",
    b"sk-",
    b"-----BEGIN PRIVATE KEY-----",
    b"api_key",
    b"\\",
    b'"',
    b"4111 ",
    b"DE89 ",
    b"__",
    b"://",
    b'"api_key":"',
    b'\\"password',
    b"password='",
    b"secret_key_",
    b"?key=",
    b"Bearer ",
    b"xoxb-",
]


@pytest.mark.parametrize("filler", FILLERS)
def test_large_bodies_do_not_take_quadratic_time(filler):
    data = filler * (200_000 // len(filler)) + b" x@example.com "
    started = time.process_time()
    assert b"x@example.com" not in Redactor().body(data)
    assert time.process_time() - started < 3


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.data())
@settings(max_examples=200, deadline=None)
def test_chunks_still_sum_to_the_length_of_the_body(lengths, data):
    size = sum(lengths)
    edges = sorted(data.draw(st.lists(st.integers(0, size), max_size=8)))
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    edits = [Edit(start, stop, data.draw(st.binary(max_size=6))) for start, stop in spans if start < stop]
    shifted = shift_chunks(lengths, edits)
    assert len(shifted) == len(lengths)
    assert min(shifted) >= 0
    assert sum(shifted) == len(apply_edits(bytes(size), edits))


def test_what_is_known_to_be_clean_is_not_searched_again_but_the_news_are():
    head = b'{"system": "' + b"be brief, and kind. " * 1000 + b'", "messages": ['
    first = head + b'"one", "two"], "tools": [' + b'"tool", ' * 500 + b'"last"]}'
    assert Redactor().body(first) is first
    assert Redactor().body(first) is first
    second = first.replace(b'"two"', b'"mail a@example.com"')
    assert Redactor().body(second) == first.replace(b'"two"', b'"mail __email_1__"')
    straddling = first.replace(b'kind. "', b'kind. a@example.com"')
    assert Redactor().body(straddling) == first.replace(b'kind. "', b'kind. __email_1__"')
    literal = Redactor(literals=["be brief"])
    assert b"be brief" not in literal.body(first)
