"""Redacted runs replay: the program is answered with placeholders, and what it then sends is still found."""

from __future__ import annotations

import asyncio
import threading

import httpx2
import pytest

import spantape
from spantape.testing import ModelServer, raw

JSON = {"content-type": "application/json"}


@pytest.fixture
def tape(tmp_path):
    return tmp_path / "run.tape"


def conversation(url):
    """Three turns, each with the whole history; both sides name people."""
    history = ["I am ada@lovelace.org, who else is here?"]
    with httpx2.Client() as client:
        for _ in range(3):
            answer = client.post(f"{url}/v1/chat/completions", json={"model": "m", "messages": history})
            history += [answer.json()["said"], "And who else, grace@hopper.org?"]
    return history


def test_a_history_with_secrets_of_both_sides_replays(tape):
    names = iter(["bob@babbage.org", "carl@gauss.org, ada@lovelace.org and bob@babbage.org", "nobody"])
    with ModelServer(lambda _: raw(200, JSON, b'{"said": "%s"}' % next(names).encode())) as server:
        url = server.url
        with spantape.record(tape):
            live = conversation(url)
    with spantape.replay(tape):
        again = conversation(url)
    text = "\n".join(again)
    assert again[:1] + again[2:3] == live[:1] + live[2:3]
    assert (again[1], again[3]) == ("__email_2__", "__email_4__, __email_1__ and __email_2__"), text


def test_calls_side_by_side_that_differ_in_a_secret_get_their_own_answers_however_they_ended(tape):
    second_is_done = threading.Event()

    def answer(request):
        if b"ada@" in request.body:
            assert second_is_done.wait(10)
            return raw(200, JSON, b'"to the first, with dora@peel.org"')
        return raw(200, JSON, b'"to the second, with carl@gauss.org"')

    async def ask(client, url, text):
        return (await client.post(url + "/v1/x", json={"text": text})).json()

    async def both(url):
        async with httpx2.AsyncClient() as client:
            first = asyncio.create_task(ask(client, url, "I am ada@lovelace.org"))
            await asyncio.sleep(0)
            second = await ask(client, url, "I am bob@babbage.org")
            second_is_done.set()
            answers = [await first, second]
            return answers, await ask(client, url, f"ada@lovelace.org and bob@babbage.org: {answers}")

    with ModelServer(answer) as server:
        url = server.url
        with spantape.record(tape):
            live, _ = asyncio.run(both(url))
    with spantape.replay(tape):
        again, _ = asyncio.run(both(url))
    assert [one.partition(",")[0] for one in again] == [one.partition(",")[0] for one in live]
