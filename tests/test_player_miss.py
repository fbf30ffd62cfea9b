from __future__ import annotations

import time
from dataclasses import replace

import pytest

from replay_steps import CHAT, JSON, ask, chat, exchange, requests_of, tape, tool
from spantape.errors import Miss
from spantape.player.player import Player
from spantape.player.rules import UUID, MatchRules

OCTETS = (("content-type", "application/octet-stream"),)


def miss(steps, request, rules=None, used=()):
    player = Player(tape(*steps), rules)
    for earlier in used:
        player.answer(earlier)
    with pytest.raises(Miss) as caught:
        player.answer(request)
    return str(caught.value)


def multipart(boundary, **fields):
    parts = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
        for name, value in fields.items()
    ]
    headers = (("content-type", f"multipart/form-data; boundary={boundary}"),)
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), headers


def test_the_whole_message():
    steps = [exchange(0, chat("hi")), exchange(1, chat("hi", "hello", "and now?", temperature=0.2))]
    live = ask(chat("hi", "hello", "and then?", temperature=0.7))
    assert miss(steps, live, used=[ask(chat("hi"))]) == (
        "nothing recorded answers POST /v1/chat/completions\n"
        "  tape 'run.tape': 2 steps, 1 used; expected next: step 1, POST /v1/chat/completions … \"and now?\"\n"
        "  nearest recorded: step 1, POST /v1/chat/completions (not used yet)\n"
        '    messages[2].content: recorded "and now?" got "and then?"\n'
        "    temperature: recorded 0.2 got 0.7\n"
        '  next: record again with mode="record" (pytest: --tape-mode=record), or let it differ: '
        "MatchRules(ignore=('body.messages[2].content', 'body.temperature'))"
    )


def test_the_proposed_rule_makes_the_request_match():
    step, live = exchange(0, chat("a", x={"odd.key": 1})), ask(chat("a", x={"odd.key": 2}))
    text = miss([step], live)
    rule = text.partition("ignore=('")[2].partition("'")[0]
    assert Player(tape(step), MatchRules(ignore=(rule,))).answer(live) is step


def test_a_repeated_request_says_how_often_it_was_recorded():
    text = miss([exchange(3, chat("hi"))], ask(chat("hi")), used=[ask(chat("hi"))])
    assert "the same was recorded once, asked twice (step 3)" in text
    assert "every recorded step is used already" in text
    assert "MatchRules" not in text


def test_a_request_that_ran_inside_an_answered_tool_says_so():
    player = Player(tape(tool(0, "f", {}), exchange(1, chat("hi"), parent=0)))
    player.tool("f", {})
    with pytest.raises(Miss, match="ran inside a tool"):
        player.answer(ask(chat("hi")))


def test_an_unused_step_is_nearer_than_a_used_one_and_the_same_path_than_another():
    steps = [
        exchange(0, chat("a")),
        exchange(1, chat("far away")),
        exchange(2, chat("b"), url=CHAT + "/other"),
    ]
    assert "nearest recorded: step 1" in miss(steps, ask(chat("ab")), used=[ask(chat("a"))])
    assert "nearest recorded: step 2" in miss(steps[2:], ask(chat("ab")))
    used = miss([steps[0], steps[2]], ask(chat("ab")), used=[ask(chat("a"))])
    assert "nearest recorded: step 0, POST /v1/chat/completions (already used)" in used


def test_the_nearest_of_many_is_the_one_that_shares_most():
    steps = [exchange(n, chat(*[f"turn {k}" for k in range(n + 1)])) for n in range(60)]
    live = requests_of(steps)[37]
    text = miss(steps, replace(live, body=live.body.replace(b"turn 12", b"turn xx")))
    assert "nearest recorded: step 37" in text
    assert 'messages[12].content: recorded "turn 12" got "turn xx"' in text


def test_shared_messages_count_for_more_than_shared_ends():
    shares = chat("new", *(f"long message {n}" * 9 for n in range(5)), model="gpt-4", z=[1])
    ends = chat("hi", *(f"other thing {n}." * 9 for n in range(5)), a=[1], z=[2])
    live = chat("hi", *(f"long message {n}" * 9 for n in range(5)), a=[1], z=[2])
    assert "nearest recorded: step 1" in miss([exchange(0, ends), exchange(1, shares)], ask(live))


def test_an_empty_tape_says_so():
    assert "the tape holds no request at all" in miss([], ask(chat("hi")))
    assert "the tape holds no request at all" in miss([tool(0, "f", {})], ask(chat("hi")))


def test_many_differences_are_counted_after_the_first():
    text = miss(
        [exchange(0, {"m": {f"k{n}": n for n in range(40)}})],
        ask({"m": {f"k{n}": -n - 1 for n in range(40)}}),
    )
    assert text.count(" got ") == 12
    assert "… and 28 more differences" in text
    assert "MatchRules" not in text


def test_an_inserted_message_is_one_difference():
    before, after = chat("a", "b", "c", "d"), chat("a", "b", "c", "d")
    after["messages"].insert(1, {"role": "system", "content": "new"})
    text = miss([exchange(0, before)], ask(after))
    assert 'messages[1]: not recorded, got {"role":"system","content":"new"}' in text
    assert text.count(" got ") == 1


def test_tools_are_told_by_name():
    text = miss([exchange(0, chat("a", tools=[{"name": "find"}]))], ask(chat("a", tools=[{"name": "read"}])))
    assert 'tools[0] "find": recorded {"name":"find"} got nothing' in text
    assert 'tools[0] "read": not recorded, got {"name":"read"}' in text


def test_exact_numbers_are_shown_as_they_were_written():
    text = miss(
        [exchange(0, b'{"seed":18446744073709551616,"t":0.10}')],
        ask(b'{"seed":18446744073709551617,"t":0.2}'),
    )
    assert "seed: recorded 18446744073709551616 got 18446744073709551617" in text
    assert "t: recorded 0.10 got 0.2" in text


def test_what_the_rules_ignore_or_blank_is_not_shown():
    rules = MatchRules(ignore=("body.id", "query.v", "header.openai-beta"), volatile=(UUID,))
    uuid, other = "123e4567-e89b-12d3-a456-426614174000", "00000000-e89b-12d3-a456-426614174000"
    step = exchange(0, chat("x", id=1, run=uuid), url=CHAT + "?v=1", headers=(*JSON, ("openai-beta", "1")))
    text = miss([step], ask(chat("y", id=2, run=other), url=CHAT + "?v=2"), rules)
    assert text.count(" got ") == 1
    assert 'content: recorded "x" got "y"' in text


@pytest.mark.parametrize(
    ("recorded", "live", "named"),
    [
        ((b"plain text", OCTETS), (b"plain toxt", OCTETS), 'body: recorded "plain text" got "plain toxt"'),
        (
            (b"\0\1\2\3", OCTETS),
            (b"\0\1\xff\3", OCTETS),
            "body (first different at byte 2): recorded <4 bytes, sha256",
        ),
        ((b"{broken", JSON), (b"{}", JSON), 'body: recorded "{broken" got {}'),
        ((b"", ()), (b"{}", JSON), 'body: recorded "" got {}'),
        ((b'{"a":1,"a":2}', JSON), (b'{"a":2,"a":2}', JSON), 'body: recorded "{\\"a\\":1'),
        ((b'{"a":NaN}', JSON), (b'{"a":1}', JSON), 'body: recorded "{\\"a\\":NaN}" got {"a":1}'),
        (
            (b"a=1&b=2", (("content-type", "application/x-www-form-urlencoded"),)),
            (b"b=3&a=1", (("content-type", "application/x-www-form-urlencoded"),)),
            '    b: recorded "2" got "3"',
        ),
        (multipart("x", f=b"one"), multipart("y", f=b"two"), 'one" got'),
        (multipart("x", f=b"\0a", g=b"1"), multipart("y", f=b"\0b", g=b"1"), "    f: recorded <"),
        ((b"[" * 60_000 + b"]" * 60_000, JSON), (b"[]", JSON), "body: recorded"),
    ],
)
def test_bodies_of_every_kind_are_compared(recorded, live, named):
    text = miss([exchange(0, recorded[0], headers=recorded[1])], ask(live[0], headers=live[1]))
    assert named in text
    assert len(text) < 1500


def test_a_tool_that_is_not_on_the_tape_names_those_that_are():
    player = Player(tape(tool(0, "find", {}), tool(1, "read", {})))
    with pytest.raises(Miss, match="no call of this tool; its tools: find, read"):
        player.tool("send", {})


def test_the_nearest_tool_call_is_shown():
    player = Player(tape(tool(0, "f", {"a": 1, "b": 1}), tool(1, "f", {"a": 2, "b": 2})))
    with pytest.raises(Miss) as caught:
        player.tool("f", {"a": 2, "b": 3})
    assert "nearest recorded: step 1, tool 'f'" in str(caught.value)
    assert "    arguments.b: recorded 2 got 3\n" in str(caught.value)


def test_a_miss_on_a_long_tape_of_long_bodies_is_told_in_good_time():
    texts = [f"turn {n} " + "lorem ipsum " * 150 for n in range(200)]
    steps = [exchange(n, chat(*texts[: n + 1])) for n in range(200)]
    live = requests_of(steps)[-1]
    started = time.process_time()
    text = miss(steps, replace(live, body=live.body.replace(b"turn 150", b"turn 15x")))
    assert 'messages[150].content: recorded "turn 150 lorem' in text
    assert time.process_time() - started < 2
