from __future__ import annotations

import copy
import json
import sys
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay_steps import CHAT, JSON, agent, ask, chat, exchange, requests_of, tape, tool
from spantape.errors import Miss, MissingBase, NotReplayable, UnusedSteps, UsageError
from spantape.player.player import Player
from spantape.player.rules import UUID, MatchRules

bodies = st.sampled_from([{"m": 1}, {"m": 2}, {"m": 1, "n": [1, 2]}, {"m": "é"}])
paths = st.sampled_from(["https://a.test/v1/x", "https://a.test/v1/y"])


def answered(player, *requests):
    return [player.answer(request).index for request in requests]


@given(st.lists(st.tuples(bodies, paths), max_size=15), st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=80)
def test_asked_in_any_order_every_step_is_answered_once_and_equal_ones_in_recorded_order(
    recorded, random, respelled
):
    steps = [exchange(n, body, url=url) for n, (body, url) in enumerate(recorded)]
    player = Player(tape(*steps))
    requests = requests_of(steps)
    random.shuffle(requests)
    if respelled:
        requests = [replace(r, body=json.dumps(json.loads(r.body), indent=1).encode()) for r in requests]
    order = defaultdict(list)
    for request in requests:
        order[request.url, request.body].append(player.answer(request).index)
    assert sorted(index for indices in order.values() for index in indices) == list(range(len(steps)))
    assert all(indices == sorted(indices) for indices in order.values())
    player.close()
    assert player.receipt().answered == len(steps)


def leaves(value, path=()):
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from leaves(inner, (*path, key))
    else:
        yield path


def written(path):
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)[1:]


names = st.text("abc", min_size=1, max_size=2)
objects = st.dictionaries(
    names,
    st.recursive(
        st.integers() | st.text("xyz"),
        lambda v: st.lists(v, max_size=3) | st.dictionaries(names, v),
        max_leaves=6,
    ),
    min_size=1,
)


@given(objects, st.data())
@settings(max_examples=120)
def test_any_one_changed_field_is_a_miss_that_names_it_unless_it_is_ignored(body, data):
    places = list(leaves(body))
    if not places:
        return
    path = data.draw(st.sampled_from(places))
    changed = copy.deepcopy(body)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = {"changed": True}
    recorded = exchange(0, body)
    with pytest.raises(Miss) as caught:
        Player(tape(recorded)).answer(ask(changed))
    assert f"    {written(path)}: " in str(caught.value) or f"    {written(path[:-1])}[" in str(caught.value)
    lenient = Player(tape(recorded), MatchRules(ignore=(f"body.{written(path)}",)))
    assert lenient.answer(ask(changed)) is recorded


@pytest.mark.parametrize(
    "live",
    [
        ask(chat("hi"), url=CHAT + "/"),
        ask(chat("hi"), url="http://elsewhere.test:8000/v1/chat/completions"),
        ask(json.dumps(chat("hi"), indent=4, sort_keys=True).encode()),
        ask(chat("hi"), headers=(*JSON, ("user-agent", "other"))),
    ],
)
def test_what_is_no_difference_is_answered(live):
    assert answered(Player(tape(exchange(0, chat("hi")))), live) == [0]


@pytest.mark.parametrize(
    ("live", "named"),
    [
        (ask(chat("hi", model="gpt-5")), 'model: recorded "gpt-4o" got "gpt-5"'),
        (ask(chat("ho")), 'messages[0].content: recorded "hi" got "ho"'),
        (ask(chat("hi", temperature=0.2)), "temperature: not recorded, got 0.2"),
        (ask(chat("hi"), url=CHAT + "?v=2"), 'query v: not recorded, got "2"'),
        (
            ask(chat("hi"), url=CHAT + "2"),
            'path: recorded "/v1/chat/completions" got "/v1/chat/completions2"',
        ),
        (ask(chat("hi"), method="PUT"), 'method: recorded "POST" got "PUT"'),
        (ask(chat("hi"), headers=(*JSON, ("openai-beta", "x"))), 'header openai-beta: not recorded, got "x"'),
    ],
)
def test_what_is_a_difference_is_a_miss_that_names_it(live, named):
    with pytest.raises(Miss) as caught:
        Player(tape(exchange(0, chat("hi")))).answer(live)
    assert f"    {named}\n" in str(caught.value)


def test_the_host_is_matched_on_request():
    player = Player(tape(exchange(0, chat("hi"))), MatchRules(host=True))
    with pytest.raises(
        Miss, match=r"host: recorded \"https://api.openai.com\" got \"https://elsewhere.test\""
    ):
        player.answer(ask(chat("hi"), url="https://elsewhere.test/v1/chat/completions"))
    assert answered(player, ask(chat("hi"))) == [0]


def test_query_parameters_match_in_any_order_and_keep_their_count():
    player = Player(
        tape(exchange(0, url="http://a.test/x?a=1&b=2&a=3"), exchange(1, url="http://a.test/x?a=1"))
    )
    assert answered(player, ask(url="http://a.test/x?b=2&a=3&a=1")) == [0]
    with pytest.raises(Miss):
        player.answer(ask(url="http://a.test/x?a=1&a=1"))


def test_query_parameters_and_headers_can_be_ignored():
    step = exchange(0, url="http://a.test/x?api-version=1&q=2", headers=(("anthropic-beta", "a"),))
    rules = MatchRules(ignore=("query.api-version", "header.anthropic-beta"))
    assert answered(Player(tape(step), rules), ask(url="http://a.test/x?q=2&api-version=9", headers=())) == [
        0
    ]
    everything = MatchRules(ignore=("query.*", "header.*"))
    assert answered(
        Player(tape(step), everything), ask(url="http://a.test/x", headers=(("openai-beta", "1"),))
    ) == [0]


def test_a_header_list_matches_in_any_order_and_over_any_number_of_lines():
    step = exchange(0, headers=(("anthropic-beta", "b, a,c"),))
    assert answered(
        Player(tape(step)), ask(headers=(("anthropic-beta", "c,b"), ("anthropic-beta", "a")))
    ) == [0]


def test_an_exact_body_comes_before_one_that_is_only_equivalent():
    rules = MatchRules(ignore=("body.id",))
    steps = [exchange(n, {"id": n}) for n in range(3)]
    player = Player(tape(*steps), rules)
    assert answered(player, ask({"id": 2}), ask({"id": 9}), ask({"id": 0})) == [2, 0, 1]


def test_volatile_texts_match():
    rules = MatchRules(volatile=(UUID,))
    player = Player(tape(exchange(0, chat("run 123e4567-e89b-12d3-a456-426614174000"))), rules)
    assert answered(player, ask(chat("run 00000000-e89b-12d3-a456-426614174000"))) == [0]


def test_placeholders_that_were_numbered_in_another_order_match_as_a_last_resort():
    steps = [exchange(0, chat("to __email_1__")), exchange(1, chat("to __email_2__ and __email_1__"))]
    player = Player(tape(*steps))
    assert answered(player, ask(chat("to __email_5__ and __email_1__")), ask(chat("to __email_1__"))) == [
        1,
        0,
    ]
    player = Player(tape(steps[1]))
    with pytest.raises(Miss):
        player.answer(ask(chat("to __email_1__ and __email_1__")))
    with pytest.raises(Miss):
        player.answer(ask(chat("to __phone_1__ and __email_1__")))


def test_placeholders_in_the_query_match_too():
    player = Player(tape(exchange(0, url="http://a.test/x?key=__api_key_2__")))
    assert answered(player, ask(url="http://a.test/x?key=__api_key_1__")) == [0]


def test_asking_once_more_than_was_recorded_is_a_miss_that_counts():
    player = Player(tape(exchange(0, {"m": 1}), exchange(1, {"m": 1})))
    assert answered(player, ask({"m": 1}), ask({"m": 1})) == [0, 1]
    with pytest.raises(Miss, match="recorded 2 times, asked a 3rd"):
        player.answer(ask({"m": 1}))


def test_every_miss_is_kept_in_order():
    player = Player(tape(exchange(0, {"m": 1})))
    for body in ({"m": 2}, {"m": 3}):
        with pytest.raises(Miss):
            player.answer(ask(body))
    assert [("got 2" in str(m), "got 3" in str(m)) for m in player.misses] == [(True, False), (False, True)]
    assert {miss.path for miss in player.misses} == {"run.tape"}


def test_steps_that_nobody_asked_for_are_an_error_that_names_them():
    player = Player(tape(exchange(0, chat("one")), exchange(1, chat("two")), tool(2, "find", {"q": "x"})))
    player.answer(ask(chat("one")))
    assert [step.index for step in player.unused()] == [1, 2]
    with pytest.raises(UnusedSteps) as caught:
        player.close()
    message = str(caught.value)
    assert "2 of 3 recorded steps were not asked for" in message
    assert 'step 1, POST /v1/chat/completions … "two"' in message
    assert 'step 2, tool \'find\' {"q":"x"}' in message


def test_unused_steps_can_be_allowed():
    player = Player(tape(exchange(0)), allow_unused=True)
    player.close()
    assert player.receipt().unused == 1


def test_tools_are_answered_by_name_and_arguments_in_recorded_order():
    steps = [
        tool(0, "f", {"a": 1, "b": 2}, "x"),
        tool(1, "g", {"a": 1}, "y"),
        tool(2, "f", {"b": 2, "a": 1}, "z"),
    ]
    player = Player(tape(*steps))
    assert [player.tool("f", {"b": 2.0, "a": 1}).result for _ in range(2)] == ["x", "z"]
    assert player.tool("g", {"a": 1}).result == "y"
    with pytest.raises(Miss, match="recorded 2 times, asked a 3rd"):
        player.tool("f", {"a": 1, "b": 2})
    player.close()


def test_a_tool_with_other_arguments_is_a_miss_that_names_them_unless_ignored():
    steps = [tool(0, "f", {"q": "x", "now": 1}, "y")]
    with pytest.raises(Miss, match=r'arguments\.q: recorded "x" got "z"'):
        Player(tape(*steps)).tool("f", {"q": "z", "now": 1})
    assert (
        Player(tape(*steps), MatchRules(ignore=("arguments.now",))).tool("f", {"q": "x", "now": 2}).result
        == "y"
    )
    assert Player(tape(*steps), MatchRules(ignore=("arguments",))).tool("f", {}).result == "y"


def test_a_tool_with_renumbered_placeholders_is_answered():
    assert Player(tape(tool(0, "f", {"to": "__email_2__"}, 1))).tool("f", {"to": "__email_1__"}).result == 1


def test_answering_a_tool_covers_what_ran_inside_it():
    steps = [
        tool(0, "f", {}),
        agent(1, "a", parent=0),
        exchange(2, {"m": 1}, parent=1),
        exchange(3, {"m": 1}),
    ]
    player = Player(tape(*steps))
    player.tool("f", {})
    assert answered(player, ask({"m": 1})) == [3]
    player.close()
    assert (player.receipt().answered, player.receipt().covered) == (2, 2)


def test_parents_that_form_a_circle_do_no_harm():
    player = Player(tape(tool(0, "f", {}, parent=1), tool(1, "g", {}, parent=0)))
    player.tool("f", {})
    player.close()
    assert (player.receipt().answered, player.receipt().covered, player.receipt().unused) == (1, 1, 0)


def test_agents_are_entered_by_name_and_other_arguments_are_noted():
    player = Player(tape(agent(0, "a", {"q": 1}), agent(1, "a", {"q": 2}), agent(2, "other", function=None)))
    assert player.agent("a", {"q": 2}).index == 1
    assert player.agent("a", {"q": 3}).index == 0
    assert player.agent("a", {"q": 1}) is None
    player.close()
    assert player.receipt().notes == (
        "agent 'a' (step 0): q: recorded 1 got 3",
        "agent 'a' was entered, and the tape has no such call left",
    )


def test_a_failed_connection_is_answered_as_recorded():
    step = Player(tape(exchange(0, {"m": 1}, status=None))).answer(ask({"m": 1}))
    assert step.response is None
    assert step.error.type == "httpx2.ConnectError"


def test_a_receipt_says_what_was_done():
    steps = [exchange(0, {"m": 1}, answer=b"12345"), exchange(1, {"m": 2})]
    player = Player(tape(*steps), allow_unused=True)
    player.answer(ask({"m": 1}))
    receipt = player.receipt()
    assert receipt.to_json() == {
        "tape": "run.tape",
        "fingerprint": "f" * 64,
        "steps": 2,
        "answered": 1,
        "skipped": 0,
        "covered": 0,
        "unused": 1,
        "bytes_served": 5,
        "notes": [],
        "misses": [],
    }
    assert str(receipt).splitlines()[0] == "tape 'run.tape': 1 of 2 steps answered, 1 unused; 5 bytes served"


def test_a_body_that_cannot_be_rebuilt_is_still_answered_by_its_digest_and_noted():
    def missing():
        raise MissingBase("its base is not on the tape", path="run.tape", step=0)

    broken = replace(exchange(0, {"m": 1}), load_body=missing)
    player = Player(tape(broken, exchange(1, {"m": 2})))
    assert answered(player, ask(b'{ "m": 2 }'), ask({"m": 1})) == [1, 0]
    assert "step 0 is matched by digest only" in player.receipt().notes[0]
    with pytest.raises(Miss, match="cannot be rebuilt"):
        Player(tape(broken)).answer(ask({"m": 3}))


def test_arguments_that_were_not_recorded_are_noted_and_the_miss_still_speaks():
    def missing():
        raise NotReplayable("recorded without content", path="run.tape", step=0)

    player = Player(tape(replace(tool(0, "f", {}), load_arguments=missing)))
    with pytest.raises(Miss, match=r"cannot be read: .*recorded without content"):
        player.tool("f", {})
    assert "step 0 cannot be matched" in player.receipt().notes[0]


def test_the_setting_for_retries_is_checked():
    with pytest.raises(UsageError, match=r"'later'.*'skip' or 'replay'"):
        Player(tape(), retries="later")


@pytest.fixture
def impatient_threads():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("impatient_threads")
@pytest.mark.parametrize("respelled", [False, True])
def test_threads_share_one_tape(respelled):
    threads, calls = 8, 40
    shared = [chat("same")] * (threads * calls // 4)
    own = [chat(f"thread {t} call {c}") for t in range(threads) for c in range(calls)]
    steps = [exchange(n, body) for n, body in enumerate([*shared, *own])]
    player = Player(tape(*steps))
    start = threading.Barrier(threads)

    def work(thread: int) -> list[int]:
        start.wait()
        bodies = [chat(f"thread {thread} call {call}") for call in range(calls)] + [chat("same")] * (
            calls // 4
        )
        texts = [json.dumps(body, indent=2 if respelled else None).encode() for body in bodies]
        return answered(player, *map(ask, texts))

    with ThreadPoolExecutor(threads) as pool:
        found = Counter(index for indices in pool.map(work, range(threads)) for index in indices)
    assert found == Counter(range(len(steps)))
    player.close()


@pytest.mark.usefixtures("impatient_threads")
def test_threads_that_ask_the_same_are_never_given_one_step_twice():
    threads, calls = 8, 400
    steps = [exchange(n, {"m": 1}) for n in range(threads * calls)]
    player, request = Player(tape(*steps)), ask({"m": 1})
    start = threading.Barrier(threads)

    def work(_: int) -> list[int]:
        start.wait()
        return answered(player, *[request] * calls)

    with ThreadPoolExecutor(threads) as pool:
        found = Counter(index for indices in pool.map(work, range(threads)) for index in indices)
    assert found == Counter(range(len(steps)))
