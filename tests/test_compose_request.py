"""Requests composed of what was recorded mean what was recorded, whatever wire API they are written for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._dialects import Asked
from spantape._dialects.compose import Wanted, compose_request
from spantape._model import Request
from spantape.errors import UsageError
from spantape.player.meaning import MEMBERS, meaning, meaning_of

APIS = ("openai.chat", "openai.responses", "anthropic.messages")

WORDS = st.from_regex(r"[a-zæ]{1,8}( [a-z]{1,8}){0,3}", fullmatch=True)
VALUES = st.none() | st.booleans() | st.integers(-(2**50), 2**50) | WORDS
OBJECTS = st.dictionaries(WORDS, VALUES | st.lists(VALUES, max_size=2), max_size=3)
TEXTS = st.builds(lambda text: {"type": "text", "content": text}, WORDS)
IMAGES = st.builds(
    lambda data: {"type": "blob", "modality": "image", "mime_type": "image/png", "content": data},
    st.sampled_from(["aGVq", "ZGVn"]),
)


@st.composite
def histories(draw):
    """Turns of a user, a model and its tools, as programs send them."""
    messages, calls = [], 0
    for _ in range(draw(st.integers(1, 4))):
        messages.append({"role": "user", "parts": draw(st.lists(TEXTS | IMAGES, min_size=1, max_size=3))})
        if not draw(st.booleans()):
            messages.append({"role": "assistant", "parts": [draw(TEXTS)]})
            continue
        ids = [f"call_{calls + number}" for number in range(draw(st.integers(1, 2)))]
        calls += len(ids)
        made = [{"type": "tool_call", "id": each, "name": "f", "arguments": draw(OBJECTS)} for each in ids]
        messages.append({"role": "assistant", "parts": [*draw(st.lists(TEXTS, max_size=1)), *made]})
        for each in ids:
            result = draw(WORDS | OBJECTS)
            messages.append(
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": each, "response": result}]}
            )
    return messages


TOOLS = st.lists(WORDS, max_size=2, unique=True).map(lambda found: [{"name": each} for each in found])
SYSTEMS = st.lists(TEXTS, max_size=2)


def meant(api, wanted):
    path, body = compose_request(api, wanted)
    return meaning_of(Request("POST", f"https://api.example{path}", (), body))


@settings(max_examples=50, deadline=None)
@given(histories(), SYSTEMS, TOOLS)
def test_a_request_means_the_same_over_every_api(messages, system, tools):
    wanted = Wanted("m", messages, system, tools)
    recorded = meaning(Asked(operation="chat", model="m"), messages, system, tools)
    for api in APIS:
        found = meant(api, wanted)
        assert found.fields() == recorded.fields(), api
        assert found.key() == recorded.key()


@settings(max_examples=50, deadline=None)
@given(histories(), histories(), st.sampled_from(APIS), st.sampled_from(APIS))
def test_two_requests_mean_the_same_only_where_their_contents_are_the_same(one, other, first, second):
    meanings = [meaning(Asked(operation="chat", model="m"), each) for each in (one, other)]
    composed = [meant(first, Wanted("m", one)), meant(second, Wanted("m", other))]
    same = meanings[0].fields() == meanings[1].fields()
    assert (composed[0].key() == composed[1].key()) == same


def test_each_member_makes_another_key_until_it_is_left_out():
    image = {"type": "blob", "modality": "image", "content": "aGVq"}
    base = Wanted("m", [{"role": "user", "parts": [{"type": "text", "content": "Hi"}, image]}], [], [])
    changed = {
        "model": Wanted("n", base.messages, [], []),
        "system": Wanted("m", base.messages, [{"type": "text", "content": "Be brief."}], []),
        "messages": Wanted(
            "m", [{"role": "user", "parts": [{"type": "text", "content": "Ho"}, image]}], [], []
        ),
        "tools": Wanted("m", base.messages, [], [{"name": "f"}]),
        "media": Wanted(
            "m",
            [{"role": "user", "parts": [base.messages[0]["parts"][0], {**image, "content": "ZGVn"}]}],
            [],
            [],
        ),
    }
    assert tuple(changed) == MEMBERS
    for member, wanted in changed.items():
        one, other = meant("openai.chat", base), meant("openai.responses", wanted)
        assert one.key() != other.key(), member
        assert one.key([member]) == other.key([member]), member


def test_calls_are_told_by_their_order_not_by_their_ids():
    def history(first, second):
        calls = [{"type": "tool_call", "id": each, "name": "f", "arguments": {}} for each in (first, second)]
        results = [
            {"type": "tool_call_response", "id": each, "response": text}
            for each, text in ((second, "b"), (first, "a"))
        ]
        return [{"role": "assistant", "parts": calls}, {"role": "tool", "parts": results}]

    asked = Asked(operation="chat")
    assert meaning(asked, history("x", "y")).key() == meaning(asked, history("1", "2")).key()
    swapped = [
        {"role": "assistant", "parts": history("x", "y")[0]["parts"]},
        {"role": "tool", "parts": history("y", "x")[1]["parts"]},
    ]
    assert meaning(asked, swapped).key() != meaning(asked, history("x", "y")).key()


def test_reasoning_that_is_sent_back_is_no_part_of_the_meaning():
    said = [
        {
            "role": "assistant",
            "parts": [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Hi"}],
        }
    ]
    plain = [{"role": "assistant", "parts": [{"type": "text", "content": "Hi"}]}]
    assert meaning(Asked(), said).key() == meaning(Asked(), plain).key()


def test_options_and_streams_are_written_as_each_api_has_them():
    options = {
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.stop_sequences": ["x"],
    }
    found = {}
    for api in (*APIS, "openai.completions"):
        path, body = compose_request(api, Wanted("m", [], stream=True, options=options))
        found[api] = (path, body)
    assert b'"max_output_tokens":9' in found["openai.responses"][1]
    assert b'"stop_sequences":["x"]' in found["anthropic.messages"][1]
    assert all(b'"stream":true' in body for _, body in found.values())
    assert found["openai.completions"][0] == "/v1/completions"
    with pytest.raises(UsageError, match="cohere"):
        compose_request("cohere", Wanted())


def test_a_gateways_prefix_is_no_part_of_the_model():
    """LiteLLM's spans say `openai/gpt-4o`, and it sends `gpt-4o`."""
    one, other = (meaning(Asked(model=model), []) for model in ("openai/gpt-4o", "gpt-4o"))
    assert one.key() == other.key()


def test_requests_for_embeddings_mean_their_texts():
    inputs = [{"role": "user", "parts": [{"type": "text", "content": each}]} for each in ("one", "two")]
    found = meant("openai.embeddings", Wanted("e", inputs))
    assert (found.operation, [text for _, text in found.messages]) == ("embeddings", ["one", "two"])
    assert meaning_of(Request("GET", "https://api.example/v1/models")) is None
