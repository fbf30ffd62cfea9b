"""Many agents on one tape: threads, tasks, forks and blocks within blocks."""

from __future__ import annotations

import asyncio
import contextvars
import multiprocessing
import os
import re
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import spantape
from spantape.testing import ModelServer
from survive_sdks import APIS, CHAT, MESSAGES, WAYS, anthropic_client, ask, openai_client, plain

THREADS, AGENTS, TASKS = 8, 8, 64


@pytest.fixture
def tape(tmp_path):
    return tmp_path / "run.tape"


@spantape.tool
def look_up(name: str) -> str:
    """What is known of a name."""
    return f"{name} is known"


@spantape.agent
def agent(client, number):
    """Two turns, whole and streamed, the second resending the first, and a tool between them."""
    messages = [{"role": "user", "content": f"I am number {number}, a{number}b@example.com."}]
    first = client.chat.completions.create(model="m", messages=messages)
    found = look_up(f"a{number}b@example.com")
    messages += [plain(first.choices[0].message) | {"role": "assistant"}, {"role": "user", "content": found}]
    messages[1] = {"role": "assistant", "content": first.choices[0].message.content}
    stream = client.chat.completions.create(model="m", messages=messages, stream=True)
    return messages[1]["content"], found, "".join(part.choices[0].delta.content or "" for part in stream)


@spantape.agent
async def async_agent(client, number):
    messages = [{"role": "user", "content": f"I am number {number}, a{number}b@example.com."}]
    first = await client.chat.completions.create(model="m", messages=messages)
    found = look_up(f"a{number}b@example.com")
    messages += [
        {"role": "assistant", "content": first.choices[0].message.content},
        {"role": "user", "content": found},
    ]
    stream = await client.chat.completions.create(model="m", messages=messages, stream=True)
    texts = [part.choices[0].delta.content or "" async for part in stream]
    return messages[1]["content"], found, "".join(texts)


def in_threads(url):
    """What 8 threads with 8 agents each saw, by number."""
    with openai_client(url) as client, ThreadPoolExecutor(THREADS) as pool:

        def work(thread):
            barrier.wait()
            return {number: agent(client, number) for number in range(thread * AGENTS, (thread + 1) * AGENTS)}

        barrier = threading.Barrier(THREADS)
        return {number: seen for part in pool.map(work, range(THREADS)) for number, seen in part.items()}


async def in_tasks(url):
    """What 64 tasks saw, by number."""
    async with openai_client(url, asynchronous=True) as client:
        return dict(
            enumerate(await asyncio.gather(*(async_agent(client, number) for number in range(TASKS))))
        )


def _addresses(seen):
    """The address, or the placeholder of one, that each agent saw; it is the same wherever it saw one."""
    found = {
        number: set(re.findall(r"__email_\d+__|a\d+b@example\.com", " ".join(texts)))
        for number, texts in seen.items()
    }
    assert {len(addresses) for addresses in found.values()} == {1}
    return {number: addresses.pop() for number, addresses in found.items()}


def _said(seen):
    """What each agent saw, addresses aside."""
    addresses = _addresses(seen)
    return {
        number: [text.replace(addresses[number], "#") for text in texts] for number, texts in seen.items()
    }


RUNS = {"threads": in_threads, "tasks": lambda url: asyncio.run(in_tasks(url))}


@pytest.mark.parametrize("redact", [True, False], ids=["redacted", "verbatim"])
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
def test_64_agents_on_one_tape_are_recorded_and_each_gets_its_own_answers_again(tape, run, redact):
    with ModelServer() as server, spantape.record(tape, redact=redact) as recorded:
        url = server.url
        live = run(url)
        assert len(server.requests) == 2 * TASKS
    kinds = [step.kind for step in recorded.tape.steps]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"agent": 64, "tool": 64, "exchange": 128}
    with spantape.replay(tape, redact=redact) as replayed:
        again = run(url)
    receipt = replayed.receipt()
    assert (receipt.answered, receipt.unused, receipt.misses) == (256, 0, ())
    assert _said(again) == _said(live)
    if redact:  # no agent gets another's answers: distinct secrets are distinct, and equal ones equal
        assert len(set(_addresses(again).values())) == TASKS
    else:
        assert again == live


def test_steps_are_under_the_agent_that_made_them_whatever_the_order(tape):
    with ModelServer() as server, spantape.record(tape) as recorded:
        in_threads(server.url)
    steps = {step.index: step for step in recorded.tape.steps}
    under: dict[int, list[str]] = {}
    for step in steps.values():
        if step.kind != "agent":
            assert steps[step.parent].kind == "agent"
            under.setdefault(step.parent, []).append(step.kind)
    assert all(sorted(kinds) == ["exchange", "exchange", "tool"] for kinds in under.values())
    assert len(under) == 64


def test_equal_questions_from_many_threads_are_each_answered_once(tape):
    def many(url):
        with openai_client(url) as client, ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda _: CHAT.call(client, "the same").id, range(32))
            return sorted(answers)

    with ModelServer() as server, spantape.record(tape):
        url = server.url
        live = many(url)
    assert len(set(live)) == 32
    with spantape.replay(tape):
        assert many(url) == live


def test_both_sdks_at_once_on_one_tape(tape):
    def both(url):
        with openai_client(url) as one, anthropic_client(url) as other, ThreadPoolExecutor(8) as pool:
            jobs = [(CHAT, one) if number % 2 else (MESSAGES, other) for number in range(24)]
            return list(pool.map(lambda job: plain(job[1][0].call(job[1][1], f"q{job[0]}")), enumerate(jobs)))

    with ModelServer() as server, spantape.record(tape):
        url = server.url
        live = both(url)
    with spantape.replay(tape):
        assert both(url) == live


# --- forks ---------------------------------------------------------------------------------------------------------


def _fork(work):
    """Do `work` in a forked child; what it printed as its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of forking with threads, which is what is tested
        child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_calls_of_a_forked_child_are_on_the_parents_tape_and_nothing_is_torn(tape):
    with ModelServer() as server, spantape.record(tape) as recorded:
        url = server.url
        ask(CHAT, url, "before")
        codes = [_fork(lambda n=number: ask(CHAT, url, f"in child {n}")) for number in range(3)]
        ask(CHAT, url, "after")
    assert codes == [0, 0, 0]
    asked = sorted(b"in child" in step.request_body() for step in recorded.tape.steps)
    assert asked == [False, False, True, True, True]
    with spantape.replay(tape):
        for prompt in ("before", "in child 0", "in child 1", "in child 2", "after"):
            ask(CHAT, url, prompt)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_child_that_leaves_the_block_does_not_seal_or_remove_the_parents_tape(tape):
    def program(url):
        block = spantape.record(tape)
        with block:
            ask(CHAT, url, "before")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if child:
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                assert code == 0
                ask(CHAT, url, "after")
        if not child:
            os._exit(0)

    with ModelServer() as server:
        program(server.url)
    assert len(spantape.read_tape(tape).steps) == 2


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this platform")
def test_processes_of_multiprocessing_record_on_the_parents_tape(tape):
    context = multiprocessing.get_context("fork")
    with ModelServer() as server, spantape.record(tape) as recorded:
        url = server.url
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            workers = [context.Process(target=ask, args=(CHAT, url, f"worker {n}")) for n in range(4)]
            for worker in workers:
                worker.start()
        for worker in workers:
            worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert sorted(step.request_body()[-12:-4] for step in recorded.tape.steps) == [
        b"worker %d" % n for n in range(4)
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_child_replays_too_and_reaches_no_network(tape):
    with ModelServer() as server:
        with spantape.record(tape):
            url = server.url
            live = ask(CHAT, url, "hello")
        asked = len(server.requests)

        def in_child():
            assert ask(CHAT, url, "hello") == live

        with spantape.replay(tape, allow_unused=True):
            assert _fork(in_child) == 0
            assert _fork(lambda: ask(CHAT, url, "something else")) == 1
        assert len(server.requests) == asked


# --- blocks ----------------------------------------------------------------------------------------------------------


def test_an_inner_recording_keeps_its_own_calls(tmp_path):
    with ModelServer() as server, spantape.record(tmp_path / "outer.tape") as outer:
        ask(CHAT, server, "one")
        with spantape.record(tmp_path / "inner.tape") as inner:
            ask(MESSAGES, server, "two")
        ask(CHAT, server, "three")
    assert [step.dialect for step in inner.tape.steps] == ["anthropic.messages"]
    assert [step.dialect for step in outer.tape.steps] == ["openai.chat", "openai.chat"]


def test_a_replay_inside_a_recording_and_a_recording_inside_a_replay(tmp_path):
    first, second, third = (tmp_path / f"{name}.tape" for name in ("first", "second", "third"))
    with ModelServer() as server:
        url = server.url
        with spantape.record(first):
            live = ask(CHAT, url, "one")
        with spantape.record(second) as recorded:
            with spantape.replay(first):
                assert ask(CHAT, url, "one") == live
            ask(CHAT, url, "two")
        assert [b"two" in step.request_body() for step in recorded.tape.steps] == [True]
        with spantape.replay(second):
            with spantape.record(third) as inner:
                ask(CHAT, url, "three")
            ask(CHAT, url, "two")
    assert len(inner.tape.steps) == 1


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_recording_inside_instrument_gives_both_the_span_and_the_step(tape, way):
    provider, memory = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    with ModelServer() as server, spantape.instrument(provider):
        with spantape.record(tape) as recorded:
            live = way.ask(server)
        url = server.url
    with spantape.instrument(provider), spantape.replay(tape):
        assert way.ask(url) == live
    spans = memory.get_finished_spans()
    assert [span.attributes.get("spantape.replayed", False) for span in spans] == [False, True]
    assert [span.attributes["spantape.response.body"] for span in spans] == [
        recorded.tape.steps[0].response.body.decode()
    ] * 2


def test_an_exception_that_leaves_the_block_leaves_a_whole_tape_and_is_itself(tape):
    def program(url, block):
        with block:
            ask(CHAT, url, "one")
            raise LookupError("of the program's own")

    with ModelServer() as server:
        url = server.url
        with pytest.raises(LookupError, match="of the program's own"):
            program(url, spantape.record(tape))
    assert len(spantape.read_tape(tape).steps) == 1
    with pytest.raises(LookupError, match="of the program's own"):
        program(url, spantape.replay(tape))


def test_an_exception_that_leaves_a_replay_early_is_not_hidden_by_unused_steps(tape):
    with ModelServer() as server, spantape.record(tape):
        url = server.url
        ask(CHAT, url, "one")
        ask(CHAT, url, "two")
    with pytest.raises(LookupError), spantape.replay(tape):
        raise LookupError


def test_unused_steps_are_named_when_a_block_is_left_well(tape):
    with ModelServer() as server, spantape.record(tape):
        for api in APIS:
            ask(api, server, api.name)
        url = server.url
    with (
        pytest.raises(spantape.UnusedSteps, match="2 of 3 recorded steps were not asked for"),
        spantape.replay(tape),
    ):
        ask(CHAT, url, "chat")


def test_a_thread_that_outlives_its_block_is_left_alone(tape):
    with ModelServer() as server:
        with spantape.record(tape) as recorded:
            context = contextvars.copy_context()
            ask(CHAT, server, "inside")
        seen = []
        late = threading.Thread(target=context.run, args=(lambda: seen.append(ask(CHAT, server, "outside")),))
        late.start()
        late.join()
    assert len(seen) == 1
    assert len(recorded.tape.steps) == 1


def test_blocks_side_by_side_in_tasks_keep_apart(tmp_path):
    async def one(url, name):
        with spantape.record(tmp_path / f"{name}.tape") as session:
            async with openai_client(url, asynchronous=True) as client:
                for turn in range(3):
                    await CHAT.call(client, f"{name} {turn}")
        return [step.request_body()[-10:-4].decode().strip('" ') for step in session.tape.steps]

    async def all_of_them(url):
        return await asyncio.gather(*(one(url, f"run{number}") for number in range(8)))

    with ModelServer() as server:
        found = asyncio.run(all_of_them(server.url))
    assert found == [[f"run{number} {turn}"[-6:] for turn in range(3)] for number in range(8)]
