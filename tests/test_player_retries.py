from __future__ import annotations

import itertools

import pytest

from replay_steps import JSON, ask, chat, exchange, tape, tool
from spantape._model import Failure
from spantape.errors import Miss, UnusedSteps
from spantape.player.player import Player
from spantape.player.retries import failed, without_pause

PAUSE = (("retry-after", "20"), ("retry-after-ms", "20000"))
FAILURES = [408, 409, 425, 429, 500, 502, 503, 504, 529, None]


def attempt(index, status, count=None, body=None, **more):
    headers = JSON if count is None else (*JSON, ("x-stainless-retry-count", str(count)))
    return exchange(index, body or chat("hi"), status=status, headers=headers, answer_headers=PAUSE, **more)


def again(count):
    return ask(chat("hi"), headers=(*JSON, ("x-stainless-retry-count", str(count))))


def indices(player, times=1):
    return [player.answer(ask(chat("hi"))).index for _ in range(times)]


@pytest.mark.parametrize("status", FAILURES)
@pytest.mark.parametrize("counted", [True, False])
def test_failed_attempts_are_skipped_where_a_later_one_succeeded(status, counted):
    steps = [attempt(n, s, n if counted else None) for n, s in enumerate((status, status, 200))]
    player = Player(tape(*steps))
    assert indices(player) == [2]
    player.close()
    assert (player.receipt().answered, player.receipt().skipped) == (1, 2)
    with pytest.raises(Miss, match="recorded once"):
        indices(player)


@pytest.mark.parametrize("retries", ["skip", "replay"])
@pytest.mark.parametrize("last", [200, 429])
def test_a_failure_that_reached_the_program_comes_back_as_it_was(retries, last):
    player = Player(tape(attempt(0, 429, 0), attempt(1, 429, 0), attempt(2, last, 0)), retries=retries)
    steps = [player.answer(again(0)) for _ in range(3)]
    assert [step.status for step in steps] == [429, 429, last]
    assert [step.response.headers for step in steps] == [PAUSE, PAUSE, PAUSE]
    player.close()


@pytest.mark.parametrize("status", FAILURES)
def test_each_attempt_comes_back_without_its_pause_on_request(status):
    player = Player(tape(attempt(0, status, 0), attempt(1, 200, 1)), retries="replay")
    first, second = (player.answer(again(n)) for n in range(2))
    assert (first.status, second.status) == (status, 200)
    if status is not None:
        assert first.response.headers == (("retry-after", "0"), ("retry-after-ms", "0.001"))
    assert second.response.headers == PAUSE
    player.close()


@pytest.mark.parametrize("retries", ["skip", "replay"])
def test_where_every_attempt_failed_all_come_back_in_order_and_only_the_last_keeps_its_pause(retries):
    player = Player(tape(*(attempt(n, 429, n) for n in range(3))), retries=retries)
    steps = [player.answer(again(n)) for n in range(3)]
    assert [step.index for step in steps] == [0, 1, 2]
    assert [step.response.headers == PAUSE for step in steps] == [False, False, True]
    player.close()


@pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 422])
def test_what_clients_do_not_try_again_is_answered_as_recorded(status):
    player = Player(tape(attempt(0, status), attempt(1, 200)))
    assert indices(player, 2) == [0, 1]


def test_a_server_that_asks_for_a_retry_is_obeyed():
    asked = exchange(0, status=400, answer_headers=(("x-should-retry", "true"),))
    assert failed(asked)
    assert not failed(exchange(0, status=400))


@pytest.mark.parametrize("name", ["asyncio.exceptions.CancelledError", "KeyboardInterrupt", "GeneratorExit"])
def test_a_call_that_the_program_gave_up_is_no_failed_attempt(name):
    assert not failed(exchange(0, status=None, error=Failure(name)))
    assert failed(exchange(0, status=None, error=Failure("httpx2.ReadTimeout")))


def test_a_program_that_did_something_else_after_the_failure_sees_it_again():
    fallback = exchange(1, chat("fallback"))
    player = Player(tape(attempt(0, 503), fallback, attempt(2, 200)))
    assert indices(player, 2) == [0, 2]
    player = Player(tape(attempt(0, 503), tool(1, "wait", {}), attempt(2, 200)))
    assert indices(player, 2) == [0, 2]


def test_attempts_that_count_themselves_are_one_call_whatever_ran_beside_them():
    player = Player(tape(attempt(0, 503, 0), exchange(1, chat("other")), attempt(2, 200, 1)))
    assert indices(player) == [2]


def test_attempts_of_one_aws_call_are_told_by_its_id():
    def call(index, status, name):
        return exchange(index, chat("hi"), status=status, headers=(("amz-sdk-invocation-id", name),))

    player = Player(tape(call(0, 503, "a"), exchange(1, chat("other")), call(2, 200, "a")))
    assert indices(player) == [2]


def test_something_that_merely_overlaps_is_not_between_two_attempts():
    beside = exchange(1, chat("other"), started=1, ended=100)
    player = Player(tape(attempt(0, 503), beside, attempt(2, 200)))
    assert indices(player) == [2]


def test_an_equal_call_that_ran_at_the_same_time_is_another_call():
    steps = [attempt(0, 429, started=0, ended=50), attempt(1, 200, started=10, ended=20)]
    player = Player(tape(*steps))
    assert indices(player, 2) == [0, 1]


def test_equal_calls_under_other_parents_are_other_calls():
    player = Player(tape(attempt(0, 429), attempt(1, 200, parent=7)))
    assert indices(player, 2) == [0, 1]


def test_a_call_that_succeeded_late_keeps_its_place_among_equal_calls():
    steps = [attempt(0, 429, 0), attempt(1, 200, 0, started=1, ended=3), attempt(2, 200, 1)]
    player = Player(tape(*steps))
    assert indices(player, 2) == [2, 1]


def test_of_equal_calls_that_retry_at_once_each_gets_its_own_attempts():
    steps = [
        attempt(0, 429, 0, started=0, ended=5),
        attempt(1, 429, 0, started=0, ended=5),
        attempt(2, 200, 1),
        attempt(3, 200, 1),
    ]
    player = Player(tape(*steps), retries="replay")
    asked = [again(0), again(1), again(0), again(1)]
    assert [player.answer(request).status for request in asked] == [429, 200, 429, 200]


def test_skipped_attempts_are_not_unused_but_an_unasked_call_is():
    player = Player(tape(attempt(0, 429), attempt(1, 200)))
    with pytest.raises(UnusedSteps, match="1 of 2"):
        player.close()


def test_other_headers_stay_where_the_pause_is_taken_out():
    headers = (("a", "1"), ("retry-after", "Fri, 20 Nov 2026 21:50:42 GMT"), ("b", "2"))
    assert without_pause(headers) == (
        ("a", "1"),
        ("b", "2"),
        ("retry-after", "0"),
        ("retry-after-ms", "0.001"),
    )


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_the_real_sdks_retry_without_a_pause(sdk, monkeypatch):
    module = pytest.importorskip(sdk)
    httpx2 = pytest.importorskip("httpx2")
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)
    statuses = itertools.chain([429, 529], itertools.repeat(401))
    headers = dict(without_pause((("retry-after", "100"),)))

    def answer(request):
        return httpx2.Response(next(statuses), headers=headers, json={"error": {"message": "x"}})

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    client = (module.OpenAI if sdk == "openai" else module.Anthropic)(
        api_key="k", http_client=http, max_retries=2
    )
    with http, pytest.raises(module.AuthenticationError):
        client.post("/x", body={}, cast_to=object)
    assert len(slept) == 2
    assert max(slept) <= 0.001
