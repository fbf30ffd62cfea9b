"""vcrpy cassettes become tapes: those of the real vcrpy replay under the real SDKs, and every variant is read."""

import base64
import gzip
import json
import zlib

import anthropic
import brotli
import openai
import pytest
import vcr
import yaml
import zstandard

import spantape
from spantape._spans import names
from spantape.errors import TapeDamaged, TapeError
from spantape.tape.foreign.importing import import_files
from spantape.testing import ModelServer, error, text

URL = "https://api.openai.com/v1/chat/completions"
ASKED = {"model": "m", "messages": [{"role": "user", "content": "hé"}]}
COMPACT = json.dumps(ASKED, ensure_ascii=False, separators=(",", ":"))
ANSWER = '{"id":"1","choices":[{"message":{"content":"Zürich “21 °C”"}}]}'


def interaction(*, request=None, response=None, **more):
    return {
        "request": {
            "method": "POST",
            "uri": URL,
            "body": COMPACT,
            "headers": {"Content-Type": ["application/json"]},
        }
        | (request or {}),
        "response": {
            "status": {"code": 200, "message": "OK"},
            "headers": {"Content-Type": ["application/json"]},
            "body": {"string": ANSWER},
        }
        | (response or {}),
    } | more


def cassette(*interactions, **more):
    return {"interactions": list(interactions), "version": 1} | more


def written(tmp_path, document, name="c.yaml"):
    path = tmp_path / name
    path.write_text(document if isinstance(document, str) else yaml.dump(document, allow_unicode=True))
    return path


def imported(tmp_path, document, name="c.yaml", **more):
    (found,) = import_files([written(tmp_path, document, name)], tmp_path / "t.tape", **more).imported
    return found


def only_step(tmp_path, document, name="c.yaml"):
    (step,) = imported(tmp_path, document, name).tape.steps
    return step


def grade(step):
    return step.span.attributes.get(names.GRADE, "exact")


# --- the real vcrpy ----------------------------------------------------------------------------------------------


def calls(openai_url, anthropic_url):
    """Everything that two SDKs gave back: plain, streamed, and an error."""
    with (
        openai.OpenAI(base_url=openai_url, api_key="none", max_retries=0) as chat,
        anthropic.Anthropic(base_url=anthropic_url, api_key="none", max_retries=0) as claude,
    ):
        return answers(chat, claude)


def answers(chat, claude):
    said = [{"role": "user", "content": "Zürich?"}]
    got = [chat.chat.completions.create(model="gpt-4o", messages=said)]
    got += chat.chat.completions.create(model="gpt-4o", messages=said, stream=True)
    got.append(chat.responses.create(model="gpt-4o", input="hi"))
    got.append(claude.messages.create(model="claude", max_tokens=8, messages=said))
    got += claude.messages.create(model="claude", max_tokens=8, messages=said, stream=True)
    with pytest.raises(openai.RateLimitError) as failed:
        chat.chat.completions.create(model="gpt-4o", messages=[*said, *said])
    return [*got, failed.value.status_code, failed.value.body]


@pytest.mark.parametrize(
    ("encoding", "settings"),
    [
        ("", {}),
        ("gzip", {}),
        ("br", {}),
        ("", {"serializer": "json"}),
        ("gzip", {"decode_compressed_response": True}),
        ("br", {"decode_compressed_response": True}),
    ],
)
def test_a_cassette_of_vcrpy_replays_under_the_real_sdks(tmp_path, settings, encoding):
    replies = [text(f"“{word}”") for word in ("one", "two three", "four", "five", "six seven")]
    replies = [
        *(reply.compressed(encoding) if encoding else reply for reply in replies),
        error(429, "slow down"),
    ]
    path = tmp_path / "cassette"
    with ModelServer(replies) as server:
        urls = server.base_url("openai"), server.base_url("anthropic")
        with vcr.use_cassette(str(path), record_mode="all", **settings):
            live = calls(*urls)
    import_files([path], tmp_path / "t.tape")
    with spantape.replay(tmp_path / "t.tape"):
        assert calls(*urls) == live


def test_a_cassette_of_pytest_recording_is_known_and_its_folder_kept(pytester, tmp_path):
    with ModelServer(lambda request: text("recorded")) as server:
        pytester.makepyfile(
            test_talk=f"""
            import openai, pytest

            @pytest.mark.vcr
            def test_hello():
                client = openai.OpenAI(base_url="{server.base_url("openai")}", api_key="none")
                answer = client.chat.completions.create(model="m", messages=[dict(role="user", content="hi")])
                assert answer.choices[0].message.content == "recorded"
            """
        )
        result = pytester.runpytest_subprocess("--record-mode=once", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    outcome = import_files([pytester.path / "cassettes"], tmp_path / "tapes")
    assert [str(one.tape.path) for one in outcome.imported] == [
        str(tmp_path / "tapes/test_talk/test_hello.tape")
    ]
    assert b"recorded" in outcome.imported[0].tape.steps[0].response.body


# --- bodies ------------------------------------------------------------------------------------------------------


ENCODED = {
    "gzip": gzip.compress(ANSWER.encode()),
    "x-gzip": gzip.compress(ANSWER.encode()[:9]) + gzip.compress(ANSWER.encode()[9:]),
    "deflate": zlib.compress(ANSWER.encode()),
    "Deflate": zlib.compress(ANSWER.encode(), wbits=-15),
    "br": brotli.compress(ANSWER.encode()),
    "zstd": zstandard.compress(ANSWER.encode()),
    "gzip, br": brotli.compress(gzip.compress(ANSWER.encode())),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_content_encoding_is_undone(tmp_path, encoding):
    packed = ENCODED[encoding]
    headers = {"Content-Encoding": [encoding], "Content-Length": [str(len(packed))], "X-A": ["1", "2"]}
    step = only_step(
        tmp_path, cassette(interaction(response={"headers": headers, "body": {"string": packed}}))
    )
    assert step.response.body == ANSWER.encode()
    assert step.response.headers == (("x-a", "1"), ("x-a", "2"))
    assert grade(step) == "exact"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_is_decoded_already_stays_as_it_is(tmp_path, encoding):
    headers = {"Content-Encoding": [encoding], "Content-Length": ["17"]}
    found = imported(tmp_path, cassette(interaction(response={"headers": headers})))
    assert found.tape.steps[0].response.body == ANSWER.encode()
    assert found.tape.steps[0].response.headers == ()
    assert grade(found.tape.steps[0]) == "exact"
    assert any("decoded already" in note for note in found.notes)


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        (None, b""),
        ("", b""),
        ("text", b"text"),
        (b"\xff\0", b"\xff\0"),
        ({"string": "té"}, "té".encode()),
        ({"string": None}, b""),
        ({"base64_string": base64.b64encode(b"\xff\0").decode()}, b"\xff\0"),
        ({"base64_string": "/\n wA=", "encoding": "ASCII-8BIT"}, b"\xff\0"),
        (["a", b"\xff"], b"a\xff"),
    ],
)
def test_bodies_come_in_many_forms(tmp_path, body, plain):
    document = cassette(
        interaction(request={"body": body, "headers": {}}, response={"headers": {}, "body": body})
    )
    step = only_step(tmp_path, document)
    assert (step.request_body(), step.response.body) == (plain, plain)
    assert grade(step) == "exact"


def test_python_tags_of_vcrpy_are_read_as_the_data_that_they_hold(tmp_path):
    step = only_step(
        tmp_path,
        """
interactions:
- request:
    body: !!python/object/new:_io.BytesIO {state: !!python/tuple [!!binary "/wA=", 0, null]}
    headers: {a: !!python/tuple [!!python/unicode 'x']}
    method: PUT
    uri: !!python/unicode 'https://h/up'
  response: {body: {string: !!python/unicode 'fine'}, headers: {}, status: {code: 201, message: Created}}
""",
    )
    assert (step.method, step.url, step.status) == ("PUT", "https://h/up", 201)
    assert step.request_body() == b"\xff\0"
    assert step.request_headers == (("a", "x"),)


def test_the_oldest_cassettes_have_no_version_and_a_plain_body(tmp_path):
    old = interaction(response={"body": ANSWER})
    for name, document in (("a.yaml", {"interactions": [old]}), ("b.yaml", [old])):
        assert only_step(tmp_path, document, name).response.body == ANSWER.encode()


def test_older_stubs_for_httpx_put_status_and_content_beside_the_headers(tmp_path):
    one = interaction()
    one["response"] = {
        "status_code": 404,
        "http_version": "HTTP/1.1",
        "headers": {"a": "b"},
        "content": "none",
    }
    step = only_step(tmp_path, cassette(one))
    assert (step.status, step.response.headers, step.response.body) == (404, (("a", "b"),), b"none")


def test_a_method_in_lower_case_is_the_method(tmp_path):
    assert only_step(tmp_path, cassette(interaction(request={"method": "post"}))).method == "POST"


def test_json_cassettes_are_known_by_their_content(tmp_path):
    document = json.dumps(cassette(interaction()))
    for name, shown in (("c.txt", document), ("d", json.dumps(json.loads(document), indent=4))):
        assert only_step(tmp_path, shown, name).request_body() == COMPACT.encode()


# --- grades ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [None, len(COMPACT.encode()), len(json.dumps(ASKED))])
def test_a_parsed_body_is_composed_in_the_spelling_that_its_length_tells(tmp_path, length):
    headers = {"content-type": ["application/json"]} | ({"content-length": [str(length)]} if length else {})
    one = interaction(
        request={"headers": headers, "parsed_body": ASKED}, response={"parsed_body": json.loads(ANSWER)}
    )
    del one["request"]["body"], one["response"]["body"]
    step = only_step(tmp_path, cassette(one))
    assert json.loads(step.request_body()) == ASKED
    assert len(step.request_body()) == (length or len(COMPACT.encode()))
    assert json.loads(step.response.body) == json.loads(ANSWER)
    assert grade(step) == "reconstructed"
    assert "composed" in str(step.span.attributes[names.GRADE_REASONS])


def literal(body):
    lines = "\n".join("      " + line for line in body.splitlines())
    return f"""interactions:
- request:
    body: |-
{lines}
    headers: {{HEADERS}}
    method: POST
    uri: {URL}
  response: {{body: {{string: x}}, headers: {{}}, status: {{code: 200, message: OK}}}}
"""


@pytest.mark.parametrize(
    ("typed", "plain", "made"),
    [
        ({"type": "json", "content": ASKED}, COMPACT.encode(), "reconstructed"),
        ({"type": "text", "content": "data: é\n\n"}, "data: é\n\n".encode(), "exact"),
        ({"type": "base64", "content": "/wA="}, b"\xff\0", "exact"),
        ({"type": "none", "content": None}, b"", "exact"),
        ({"type": "image", "content": 5}, b'{"type":"image","content":5}', "reconstructed"),
    ],
)
def test_a_body_may_say_of_its_content_what_it_is(tmp_path, typed, plain, made):
    one = interaction(
        request={"body": typed, "headers": {}}, response={"headers": {}, "body": typed, "status": 200}
    )
    document = yaml.dump(cassette(one | {"recorded_at": "WHEN"}), sort_keys=False)
    step = only_step(tmp_path, document.replace("WHEN", "2026-03-06T19:24:49.873490+00:00"))
    assert (step.request_body(), step.response.body, grade(step)) == (plain, plain, made)
    assert step.span.started_ns == 1772825089_873_490_000


def test_cassettes_of_vcr_for_ruby_and_of_betamax_are_read(tmp_path):
    body = {"encoding": "utf-8", "string": "é"}
    one = {"request": {"method": "get", "uri": "https://h/", "body": {"encoding": "utf-8", "string": ""}}}
    one["response"] = {"status": {"code": 200}, "headers": {"A": ["b"]}, "body": body}
    step = only_step(tmp_path, {"http_interactions": [one], "recorded_with": "VCR 6.0.0"})
    assert (step.method, step.request_body(), step.response.body) == ("GET", b"", "é".encode())


def test_a_pretty_printed_body_is_reconstructed_and_spelled_as_its_length_tells(tmp_path):
    document = literal(json.dumps(ASKED, indent=2))
    step = only_step(tmp_path, document.replace("HEADERS", f"content-length: ['{len(COMPACT.encode())}']"))
    assert (grade(step), step.request_body()) == ("reconstructed", COMPACT.encode())
    step = only_step(tmp_path, document.replace("HEADERS", ""))
    assert (grade(step), step.request_body()) == ("reconstructed", json.dumps(ASKED, indent=2).encode())


def test_a_body_that_was_sent_pretty_printed_is_exact(tmp_path):
    sent = json.dumps(ASKED, indent=2)
    step = only_step(tmp_path, literal(sent).replace("HEADERS", f"content-length: ['{len(sent)}']"))
    assert (grade(step), step.request_body()) == ("exact", sent.encode())


def test_a_body_that_does_not_have_its_length_was_changed(tmp_path):
    step = only_step(tmp_path, cassette(interaction(response={"headers": {"content-length": ["5"]}})))
    assert grade(step) == "reconstructed"
    assert "content-length" not in dict(step.response.headers)


def test_what_is_not_recorded_is_taken_by_rule_and_named(tmp_path):
    one = interaction()
    del one["request"]["method"], one["response"]["status"]
    found = imported(tmp_path, cassette(one, allow_playback_repeats=True))
    assert (found.tape.steps[0].method, found.tape.steps[0].status) == ("POST", 200)
    shown = "\n".join(found.notes)
    for said in ("POST is taken", "200 is taken", "allow_playback_repeats", "times are not in the format"):
        assert said in shown


def test_recorded_at_gives_steps_their_time(tmp_path):
    document = cassette(*(interaction(recorded_at=f"2026-01-01T00:00:0{n}Z") for n in (1, 2)))
    steps = imported(tmp_path, document).tape.steps
    assert [step.span.started_ns for step in steps] == [1767225601 * 10**9, 1767225602 * 10**9]


def test_a_recording_without_the_headers_that_the_api_demands_still_replays(tmp_path):
    body = {"model": "claude", "max_tokens": 8, "messages": [{"role": "user", "content": "hi"}]}
    answer = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn"}
    answer |= {"content": [{"type": "text", "text": "yes"}], "usage": {"input_tokens": 1, "output_tokens": 1}}
    one = interaction(request={"uri": "https://api.anthropic.com/v1/messages", "parsed_body": body})
    one["response"] |= {"parsed_body": answer}
    del one["request"]["body"], one["response"]["body"]
    imported(tmp_path, cassette(one))
    with spantape.replay(tmp_path / "t.tape"):
        got = anthropic.Anthropic(api_key="none").messages.create(
            **body, extra_headers={"anthropic-beta": "x"}
        )
    assert got.content[0].text == "yes"


def test_secrets_are_replaced_where_asked(tmp_path):
    headers = {"authorization": ["Bearer sk-proj-4fjA82kd0sKq91mZx77Tq3bn"]}
    one = interaction(request={"headers": headers, "body": COMPACT.replace("hé", "ada@example.com")})
    step = imported(tmp_path, cassette(one), redact=True).tape.steps[0]
    assert b"__email_1__" in step.request_body()
    assert "authorization" not in dict(step.request_headers)
    assert step.span.attributes[names.REDACTED] == ("email:1",)


# --- hostile -----------------------------------------------------------------------------------------------------


def laughs(levels=9):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(["interactions:", *(f"- {{{line}}}" for line in lines)])


HOSTILE = {
    "a python call": (
        "interactions: [!!python/object/apply:os.system ['true']]",
        TapeError,
        "line 1, column",
    ),
    "a python name": ("interactions: [!!python/name:os.system '']", TapeError, "line 1, column"),
    "laughs": (laughs(), TapeDamaged, "unfold"),
    "itself": ("interactions: &a [*a]", TapeDamaged, "inside what it stands for"),
    "deep": ("interactions: " + "[" * 5000, TapeDamaged, "nesting"),
    "deep json": ('{"interactions": [' + "[" * 200_000, TapeError, "nesting|expected"),
    "torn": ("interactions:\n- request: {method: POST, uri: 'https", TapeDamaged, "line"),
    "bad binary": (
        "interactions:\n- request: {method: POST, uri: u, body: !!binary 'a$b'}\n  response: {}",
        TapeDamaged,
        "base64",
    ),
    "no unicode": ("interactions: ['\udcff']", TapeDamaged, "UTF-8"),
    "unhashable": ("interactions: [{? [a, b] : c}]", TapeError, "line 1"),
    "no list": ("interactions: 5", TapeError, "no list of interactions"),
    "no request": ("interactions: [{response: {}}]", TapeError, r"interactions\[0\]"),
}


@pytest.mark.parametrize("fault", HOSTILE)
def test_hostile_cassettes_are_refused_by_name(tmp_path, fault):
    document, kind, said = HOSTILE[fault]
    path = tmp_path / "bad.yaml"
    path.write_bytes(document.encode("utf-8", "surrogateescape"))
    with pytest.raises(kind, match=said) as failed:
        import_files([path], tmp_path / "t.tape")
    assert failed.value.path == str(path)
    assert not (tmp_path / "t.tape").exists()


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({"request": {"uri": 5}}, r"interactions\[0\]\.request\.uri"),
        ({"request": {"headers": {"a": [{}]}}}, r"interactions\[0\]\.request\.headers"),
        ({"request": {"body": {"base64_string": "?"}}}, r"request\.body\.base64_string"),
        ({"response": {"status": {"code": "x"}}}, r"response\.status\.code"),
        ({"response": {"status": {"code": 7}}}, r"response\.status\.code"),
        ({"response": {"headers": {"a: b": "c"}}}, r"response\.headers"),
        ({"response": {"body": {"a": {1: 2}}}}, r"response\.body"),
    ],
)
def test_a_member_of_a_wrong_kind_is_named_by_its_place(tmp_path, part, place):
    with pytest.raises(TapeError, match=place):
        imported(tmp_path, cassette(interaction(**part)))


def test_a_bomb_is_refused_and_names_its_place(tmp_path, monkeypatch):
    from spantape.tape.foreign import bodies
    from spantape.tape.limits import Limits

    monkeypatch.setattr(bodies, "DEFAULT", Limits(body_bytes=1 << 20))
    plain = bytes(8 << 20)
    for encoding, packed in (
        ("gzip", gzip.compress(plain)),
        ("br", brotli.compress(plain)),
        ("zstd", zstandard.compress(plain)),
    ):
        one = interaction(response={"headers": {"content-encoding": [encoding]}, "body": {"string": packed}})
        with pytest.raises(TapeDamaged, match=r"interactions\[0\]\.response\.body.*more than"):
            imported(tmp_path, cassette(one))


def test_shared_values_of_a_dumper_are_read(tmp_path):
    headers = {"content-type": ["application/json"]}
    document = yaml.dump(cassette(*[interaction(request={"headers": headers})] * 3))
    assert "*id001" in document
    assert len(imported(tmp_path, document).tape.steps) == 3


class OldBrotli:
    """brotli before 1.2, whose decoder bounds nothing."""

    error = brotli.error

    class Decompressor:
        def __init__(self):
            self._inner = brotli.Decompressor()
            self.process = self._inner.process
            self.is_finished = self._inner.is_finished


def coded(body):
    return cassette(interaction(response={"headers": {"content-encoding": ["br"]}, "body": {"string": body}}))


def test_an_older_brotli_does_too(tmp_path, monkeypatch):
    from spantape.tape.foreign import bodies
    from spantape.tape.limits import Limits

    monkeypatch.setattr(bodies, "import_module", lambda _name: OldBrotli)
    plain = ANSWER.encode() * 50
    assert only_step(tmp_path, coded(brotli.compress(plain))).response.body == plain
    assert only_step(tmp_path, coded(ANSWER)).response.body == ANSWER.encode()
    assert (
        only_step(tmp_path, coded(brotli.compress(plain)[:-1])).response.body == brotli.compress(plain)[:-1]
    )
    monkeypatch.setattr(bodies, "DEFAULT", Limits(body_bytes=1000))
    with pytest.raises(TapeDamaged, match="more than 1000 bytes"):
        only_step(tmp_path, coded(brotli.compress(plain)))


def test_without_brotli_its_bodies_are_refused_with_the_move_that_helps(tmp_path, monkeypatch):
    from spantape.tape.foreign import bodies

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(bodies, "import_module", missing)
    with pytest.raises(TapeDamaged, match=r"interactions\[0\]\.response\.body.*pip install brotli"):
        only_step(tmp_path, coded(brotli.compress(ANSWER.encode())))
    assert only_step(tmp_path, coded(ANSWER)).response.body == ANSWER.encode(), "it is decoded already"
