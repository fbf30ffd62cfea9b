"""Graphs of tool calls: described without what a policy does not look at, and compared under it."""

from __future__ import annotations

import hashlib

import jcs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._dialects import recognise
from spantape.errors import UsageError
from spantape.testing import ModelServer, Reply, tool_call
from spantape.tolerance.calls import (
    CallPolicy,
    ToolCall,
    argument_digest,
    argument_shape,
    call_differences,
    calls_of,
    compare_calls,
    describe_calls,
)

OSLO, BERGEN = ToolCall("weather", {"city": "Oslo"}), ToolCall("weather", {"city": "Bergen"})
REFUND = ToolCall("refund", {"amount": 20.0, "ids": [1, 2]})


def compared(expected, got, **policy):
    return compare_calls(expected, got, CallPolicy(**policy))


# --- what a model asked for ---------------------------------------------------------------------------------------


def ask_openai(server):
    import openai

    with openai.OpenAI(base_url=server.base_url("openai"), api_key="x") as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])


def ask_streaming(server):
    import openai

    with openai.OpenAI(base_url=server.base_url("openai"), api_key="x") as client:
        list(
            client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hi"}], stream=True
            )
        )


def ask_responses(server):
    import openai

    with openai.OpenAI(base_url=server.base_url("openai"), api_key="x") as client:
        client.responses.create(model="m", input="hi")


def ask_anthropic(server):
    import anthropic

    with anthropic.Anthropic(base_url=server.base_url("anthropic"), api_key="x") as client:
        client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}])


@pytest.mark.parametrize("ask", [ask_openai, ask_streaming, ask_responses, ask_anthropic])
def test_the_calls_in_an_answer_are_found_in_every_dialect(ask, tmp_path):
    import spantape
    from spantape.tape.answers import dialect_of, said_in

    parts = [part for city in ("Oslo", "Bergen") for part in tool_call("weather", {"city": city}).parts]
    with ModelServer([Reply(parts=tuple(parts))]) as server, spantape.record(tmp_path / "a.tape"):
        ask(server)
    [step] = spantape.read_tape(tmp_path / "a.tape").steps
    [said] = said_in(step, dialect_of(step))
    assert said.calls == (OSLO, BERGEN)
    assert recognise(step.method, "127.0.0.1", "/nothing", b"") is None


def test_odd_messages_hold_no_calls():
    assert calls_of([]) == ()
    assert calls_of([{}, {"parts": None}, {"parts": "text"}, {"parts": [None, {"type": "text"}, {}]}]) == ()
    assert calls_of([{"parts": [{"type": "tool_call"}]}]) == (ToolCall("", None),)
    server_tool = {"type": "server_tool_call", "name": "search", "server_tool_call": {"q": 1}}
    assert calls_of([{"parts": [server_tool]}]) == (ToolCall("search", {"q": 1}),)


# --- describing ---------------------------------------------------------------------------------------------------


def test_a_graph_is_described_with_what_the_policy_looks_at():
    graph = [[OSLO], [], [REFUND]]
    assert describe_calls(graph, CallPolicy(arguments="ignored")) == [
        [{"name": "weather"}],
        [{"name": "refund"}],
    ]
    digest = hashlib.sha256(jcs.canonicalize({"city": "Oslo"})).hexdigest()
    assert describe_calls([[OSLO]], CallPolicy()) == [[{"name": "weather", "arguments": f"sha256:{digest}"}]]
    [[shaped]] = describe_calls([[REFUND]], CallPolicy(arguments="shape"))
    assert shaped["arguments"] == {"object": {"amount": "number", "ids": {"array": ["number"]}}}


def test_a_shape_has_members_and_types_and_no_values():
    value = {"a": [1, 2.5, "x", None, True, {"b": []}, {"b": []}], "c": {}}
    assert argument_shape(value) == {
        "object": {
            "a": {"array": ["number", "string", "null", "boolean", {"object": {"b": {"array": []}}}]},
            "c": {"object": {}},
        }
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
@settings(max_examples=50, deadline=None)
def test_any_arguments_have_a_digest_and_a_shape(value):
    assert argument_digest(value).startswith("sha256:")
    argument_shape(value)


def test_arguments_nested_beyond_reading_are_described_too():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert argument_digest(deep) == argument_digest([deep])
    assert argument_shape(deep) == "nested too deep to be read"
    while deep:  # taken apart by hand: letting go of it would go as deep
        deep = deep.pop()


def test_numbers_are_digested_by_value():
    assert argument_digest({"a": 20.0}) == argument_digest({"a": 20})
    assert argument_digest({"a": 2**60}) != argument_digest({"a": 2**60 + 1})


# --- comparing ----------------------------------------------------------------------------------------------------


def test_calls_of_one_answer_may_come_in_any_order_and_answers_may_not():
    assert compared([[OSLO, BERGEN], [REFUND]], [[BERGEN, OSLO], [REFUND]]) == []
    assert compared([[OSLO], [BERGEN]], [[BERGEN], [OSLO]]) != []
    assert compared([[OSLO, BERGEN]], [[BERGEN, OSLO]], order="exact") != []
    assert compared([[OSLO], [BERGEN, REFUND]], [[REFUND, BERGEN, OSLO]], order="any") == []


def test_a_changed_argument_is_named():
    changed = ToolCall("refund", {"amount": 200.0, "ids": [1, 2]})
    assert compared([[OSLO], [REFUND]], [[OSLO], [changed]]) == [
        "calls[1][0] refund: arguments.amount: 20.0 expected, 200.0 got"
    ]
    assert compared([[REFUND]], [[changed]], arguments="shape") == []
    mistyped = ToolCall("refund", {"amount": "20", "ids": []})
    [line] = compared([[REFUND]], [[mistyped]], arguments="shape")
    assert line.startswith('calls[0][0] refund: arguments {"object":{"amount":"number",')
    assert line.endswith('{"object":{"amount":"string","ids":{"array":[]}}} got')
    assert compared([[REFUND]], [[mistyped]], arguments="ignored") == []


def test_an_empty_list_has_the_shape_of_any_list():
    assert compared([[REFUND]], [[ToolCall("refund", {"amount": 1, "ids": []})]], arguments="shape") == []


@pytest.mark.parametrize("order", ["exact", "parallel", "any"])
def test_calls_that_one_side_lacks_are_named_and_shift_no_other(order):
    [missing] = compared([[OSLO], [REFUND]], [[REFUND]], order=order, arguments="ignored")
    assert missing.endswith("expected a call of 'weather', got no call")
    [added] = compared([[REFUND]], [[OSLO], [REFUND]], order=order, arguments="ignored")
    assert added.endswith("expected no call, got a call of 'weather'")
    [more] = compared([[OSLO]], [[OSLO, OSLO]], order=order, arguments="ignored")
    assert more.endswith("expected no call, got a call of 'weather'")


def test_another_tool_is_not_a_changed_call():
    found = compared([[OSLO]], [[REFUND]], arguments="ignored", order="parallel")
    assert found == [
        "calls[0][0]: expected a call of 'weather', got no call",
        "calls[0][0]: expected no call, got a call of 'refund'",
    ]


NAMES = st.sampled_from(["a", "b"])
CALLS = st.builds(ToolCall, NAMES, st.dictionaries(st.sampled_from("xy"), st.integers(0, 2), max_size=2))
GRAPHS = st.lists(st.lists(CALLS, max_size=3), max_size=3)
POLICIES = st.builds(
    CallPolicy, st.sampled_from(["exact", "parallel", "any"]), st.sampled_from(["digest", "shape", "ignored"])
)


@given(GRAPHS, GRAPHS, POLICIES, st.randoms())
@settings(max_examples=50, deadline=None)
def test_graphs_are_equal_exactly_where_their_descriptions_are(one, other, policy, chance):
    assert compare_calls(one, one, policy) == []
    sides = [describe_calls(graph, policy) for graph in (one, other)]
    assert bool(call_differences(*sides, policy)) == (
        _ordered(sides[0], policy) != _ordered(sides[1], policy)
    )
    if policy.order != "exact":
        shuffled = [chance.sample(group, len(group)) for group in one]
        assert compare_calls(one, shuffled, policy) == []


def _ordered(graph, policy):
    """A described graph as a value that is equal where the policy says so."""
    groups = [[repr(sorted(repr(item) for item in _flat(call))) for call in group] for group in graph]
    if policy.order == "any":
        return sorted(call for group in groups for call in group)
    return groups if policy.order == "exact" else [sorted(group) for group in groups]


def _flat(value):
    if isinstance(value, dict):
        return [(key, sorted(map(repr, _flat(member)))) for key, member in value.items()]
    return [value]


def test_a_thousand_differences_are_told_and_many_calls_take_linear_time():
    many = [[ToolCall("t", {"i": i}) for i in range(2000)]]
    shifted = [[ToolCall("t", {"i": i + 1}) for i in range(2000)]]
    assert compared(many, [many[0][::-1]]) == []
    assert len(compared(many, shifted)) == 1
    assert len(compared(many, [[ToolCall("t", {"i": -i - 1}) for i in range(2000)]])) == 1000


@pytest.mark.parametrize("wrong", [{"order": "random"}, {"arguments": "bytes"}])
def test_a_policy_that_is_none_is_refused(wrong):
    with pytest.raises(UsageError, match="expected one of"):
        CallPolicy(**wrong)
