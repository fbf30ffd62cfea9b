"""cendor cassettes become tapes that the real SDKs replay, though no HTTP is in them; every entry says how it was made."""

import hashlib
import json
from contextlib import contextmanager

import anthropic
import openai
import pytest
from cendor import cassette
from cendor.core.instrument import instrument, instrument_tool

import spantape
from spantape._spans import names
from spantape.errors import NotReplayable, TapeError
from spantape.tape.foreign.importing import import_files
from spantape.testing import ModelServer, embedding, reasoning, text, tool_call

SAID = [{"role": "user", "content": "Zürich?"}]


def imported(tmp_path, document, **more):
    path = tmp_path / "c"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    (found,) = import_files([path], tmp_path / "t.tape", **more).imported
    return found


def hashed(request):
    text_ = json.dumps(request, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text_.encode()).hexdigest()


def llm(response, *, provider="openai", messages=SAID, model="gpt-4o", stream=False, **more):
    request = {"kind": "llm", "provider": provider, "model": model, "messages": messages, "stream": stream}
    return {
        "seq": 0,
        "kind": "llm",
        "request_hash": hashed(request),
        "request": request,
        "response": response,
    } | more


def tool(arguments, response, **more):
    request = {"kind": "tool", "name": "lookup", "arguments": arguments}
    return {
        "seq": 0,
        "kind": "tool",
        "request_hash": hashed(request),
        "request": request,
        "response": response,
    } | more


def version_2(*entries):
    return {"version": 2, "entries": list(entries)}


COMPLETION = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "21 °C", "tool_calls": None},
        }
    ],
}

# --- the real cendor ---------------------------------------------------------------------------------------------


@contextmanager
def sdks(urls):
    with (
        openai.OpenAI(base_url=urls[0], api_key="none", max_retries=0) as chat,
        anthropic.Anthropic(base_url=urls[1], api_key="none", max_retries=0) as claude,
    ):
        yield chat, claude


def calls(chat, claude):
    """What two SDKs give back for requests with more members than cendor keeps."""
    tools = [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    ]
    got = [chat.chat.completions.create(model="gpt-4o", messages=SAID, temperature=0.5)]
    got.append(chat.chat.completions.create(model="gpt-4o", messages=SAID * 2, tools=tools))
    got += chat.chat.completions.create(model="gpt-4o", messages=SAID, stream=True)
    got.append(chat.responses.create(model="gpt-4o", input="hi", instructions="be brief"))
    got += chat.responses.create(model="gpt-4o", input=SAID, stream=True)
    got.append(chat.embeddings.create(model="embed", input="one text", encoding_format="float"))
    got.append(claude.messages.create(model="claude", max_tokens=9, system="be kind", messages=SAID))
    got += claude.messages.create(model="claude", max_tokens=9, messages=SAID * 2, stream=True)
    return got


def test_a_cassette_of_cendor_replays_under_the_real_sdks(tmp_path):
    replies = [
        text("“21 °C”"),
        tool_call("f", {"x": None}),
        text("a b c"),
        reasoning("hm") + text("x"),
        text("d e"),
    ]
    replies += [embedding([0.5, -0.25]), tool_call("f", {"deep": {"none": None}}), text("g h")]
    with ModelServer(replies) as server:
        urls = server.base_url("openai"), server.base_url("anthropic")
        recording = cassette.using(str(tmp_path / "c.json"), mode="record", redact=False)
        with sdks(urls) as clients, recording:
            live = calls(*map(instrument, clients))
    (found,) = import_files([tmp_path / "c.json"], tmp_path / "t.tape").imported
    assert found.grades == {"reconstructed": 8}
    assert not any("request_hash" in note for note in found.notes)
    with spantape.replay(tmp_path / "t.tape"), sdks(urls) as clients:
        assert calls(*clients) == live


def test_tools_of_cendor_replay_by_name_and_keyword(tmp_path):
    @instrument_tool
    def lookup(**asked):
        return {"celsius": 21, "at": asked["city"]}

    with cassette.using(str(tmp_path / "c.json"), mode="record", redact=False):
        lookup(city="Zürich")
    (found,) = import_files([tmp_path / "c.json"], tmp_path / "t.tape").imported
    assert (found.tape.steps[0].name, found.tape.steps[0].arguments) == ("lookup", {"city": "Zürich"})

    @spantape.tool(name="lookup")
    def ours(city: str) -> dict:
        raise AssertionError

    with spantape.replay(tmp_path / "t.tape"):
        assert ours("Zürich") == {"celsius": 21, "at": "Zürich"}


def test_redaction_by_cendor_is_said(tmp_path):
    with ModelServer([text("ok")]) as server:
        urls = server.base_url("openai"), server.base_url("anthropic")
        with sdks(urls) as (chat, _), cassette.using(str(tmp_path / "c.json"), mode="record"):
            instrument(chat).chat.completions.create(
                model="m", messages=[{"role": "user", "content": "ada@example.com"}]
            )
    (found,) = import_files([tmp_path / "c.json"], tmp_path / "t.tape").imported
    assert any("the request was redacted" in note for note in found.notes)


# --- versions and forms ------------------------------------------------------------------------------------------


def test_version_1_has_no_stream_in_its_hash_and_matches_both_ways(tmp_path):
    request = {"kind": "llm", "provider": "openai", "model": "gpt-4o", "messages": SAID}
    entry = {
        "seq": 0,
        "kind": "llm",
        "request_hash": hashed(request),
        "request": request,
        "response": COMPLETION,
    }
    found = imported(tmp_path, {"entries": [entry]})
    assert not any("request_hash" in note for note in found.notes)
    with spantape.replay(tmp_path / "t.tape"):
        client = openai.OpenAI(api_key="none", max_retries=0)
        got = client.chat.completions.create(model="gpt-4o", messages=SAID, seed=7)
    assert got.choices[0].message.content == "21 °C"


def test_a_hash_that_is_not_the_requests_is_said(tmp_path):
    found = imported(tmp_path, version_2(llm(COMPLETION), llm(COMPLETION, request_hash="0" * 64)))
    (said,) = [note for note in found.notes if "request_hash" in note]
    assert said.endswith("(entries[1])")


def test_lines_of_calls_are_read_and_others_named(tmp_path):
    lines = [
        {"_meta": 1},
        llm(COMPLETION),
        {"kind": "other"},
        {"kind": "tool", "request": {"name": "f"}, "result": 3},
    ]
    found = imported(tmp_path, "\n".join(map(json.dumps, lines)) + "\n\n")
    assert [step.kind for step in found.tape.steps] == ["exchange", "tool"]
    assert found.tape.steps[1].result == 3
    assert any(note.startswith("left out") and "line 3" in note for note in found.notes)


def test_positional_arguments_stand_as_a_list_and_say_so(tmp_path):
    found = imported(tmp_path, version_2(tool({"args": [1, "b"], "kwargs": {"k": None}}, None)))
    (step,) = found.tape.steps
    assert step.arguments == {"args": [1, "b"], "k": None}
    assert step.span.attributes[names.GRADE] == "reconstructed"


def test_an_sdk_object_becomes_the_apis_json(tmp_path):
    dumped = COMPLETION | {"service_tier": None}
    dumped["choices"] = [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "logprobs": None,
            "message": {
                "role": "assistant",
                "content": None,
                "audio": None,
                "parsed": {"a": 1},
                "tool_calls": [],
            },
        }
    ]
    step = imported(tmp_path, version_2(llm(dumped))).tape.steps[0]
    assert json.loads(step.response.body) == COMPLETION | {
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "logprobs": None,
                "message": {"role": "assistant", "content": None, "tool_calls": []},
            }
        ]
    }


def test_what_the_program_sent_keeps_its_nulls(tmp_path):
    message = {
        "id": "m",
        "type": "message",
        "content": [{"type": "tool_use", "input": {"x": None, "parsed": 1}}],
    }
    step = imported(tmp_path, version_2(llm(message, provider="anthropic"))).tape.steps[0]
    assert json.loads(step.response.body)["content"][0]["input"] == {"x": None, "parsed": 1}


def test_events_that_a_helper_adds_to_a_stream_are_left_out(tmp_path):
    events = [
        {"type": "message_start", "message": {"id": "m", "type": "message", "content": []}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
        {"type": "text", "text": "a", "snapshot": "a"},
        {"type": "content_block_stop", "index": 0, "content_block": {"type": "text", "text": "a"}},
        {"type": "message_stop", "message": {"id": "m"}},
    ]
    step = imported(tmp_path, version_2(llm(events, provider="anthropic", stream=True))).tape.steps[0]
    assert dict(step.response.headers) == {"content-type": "text/event-stream"}
    assert step.response.body.decode().split("\n\n")[2:] == [
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}',
        'event: message_stop\ndata: {"type":"message_stop"}',
        "",
    ]


def test_dict_style_providers_have_their_own_wire(tmp_path):
    chunks = [{"message": {"role": "assistant", "content": "a"}, "done": False}, {"done": True}]
    google = {
        "candidates": [
            {"content": {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"a_b": 1}}}]}}
        ]
    }
    google |= {
        "usage_metadata": {"prompt_token_count": 1, "cached_content_token_count": None},
        "parsed": None,
    }
    bedrock = {"output": {"message": {}}, "ResponseMetadata": {"RequestId": "x"}}
    steps = imported(
        tmp_path,
        version_2(
            llm(chunks, provider="ollama", stream=True, response_type="mapping"),
            llm(google, provider="google", messages=["hi"], model="gemini-x"),
            llm(bedrock, provider="bedrock", model="a.b:0", response_type="mapping"),
        ),
    ).tape.steps
    assert [step.url for step in steps] == [
        "http://localhost:11434/api/chat",
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-x:generateContent",
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/a.b%3A0/converse",
    ]
    assert [json.loads(line) for line in steps[0].response.body.splitlines()] == chunks
    assert json.loads(steps[1].response.body) == {
        "candidates": [
            {"content": {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a_b": 1}}}]}}
        ],
        "usageMetadata": {"promptTokenCount": 1},
    }
    assert json.loads(steps[1].request_body()) == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    assert json.loads(steps[2].response.body) == {"output": {"message": {}}}


def test_an_answer_that_cannot_be_composed_is_a_skeleton_and_refused_with_its_reason(tmp_path):
    found = imported(
        tmp_path,
        version_2(llm([{"contentBlockDelta": {}}], provider="bedrock", stream=True), llm("<Recursive>")),
    )
    assert found.grades == {"skeleton": 2}
    with pytest.raises(NotReplayable, match="the frames of a Bedrock stream are not in the recording"):
        _ = found.tape.steps[0].response
    with pytest.raises(NotReplayable, match="its response is str"):
        _ = found.tape.steps[1].response


def test_a_provider_that_is_not_known_is_named(tmp_path):
    found = imported(tmp_path, version_2(llm(COMPLETION, provider="acme")))
    assert any(
        "'acme' is not known here: https://api.openai.com/v1/chat/completions is taken" in n
        for n in found.notes
    )


# --- hostile -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"version": 3, "entries": []}, "got cassette version 3, expected 1 or 2"),
        ({"version": "2", "entries": []}, "version: got text '2', expected an integer"),
        (version_2({"kind": "llm"}), r"entries\[0\]\.request: got nothing, expected an object"),
        (version_2({"kind": "x", "request": {}}), r"entries\[0\]\.kind: got text 'x', expected llm or tool"),
        (version_2(llm(COMPLETION, messages=5)), r"entries\[0\]\.request\.messages: got an integer"),
        (version_2(tool({"args": 5}, None)), r"entries\[0\]\.request\.arguments\.args"),
        ('{"kind": "llm", "request": {}}\n{', "line 2: is not JSON"),
    ],
)
def test_what_is_not_of_the_format_is_named_by_its_place(tmp_path, document, said):
    with pytest.raises(TapeError, match=said):
        imported(tmp_path, document)
    assert not (tmp_path / "t.tape").exists()
