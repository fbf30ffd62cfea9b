# ruff: noqa: PT012 - what a block raises when it is left is what is tested, so it has more than one statement
from __future__ import annotations

import asyncio
import json
import logging

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spantape
from spantape._spans import names
from spantape.errors import Drift, Miss, TapeError, UnusedSteps
from spantape.testing import ModelServer, error, text

KEY = "sk-proj-Ab3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW"


class Model:
    """A real client at a scripted server, which can be closed."""

    def __init__(self, reply=None):
        self.server = ModelServer(reply) if reply is not None else ModelServer()
        self.server.__enter__()
        settings = {"base_url": self.server.base_url("openai"), "api_key": KEY, "max_retries": 2}
        self.client = openai.OpenAI(**settings)
        self.settings = settings

    def ask(self, *texts, **more):
        messages = [{"role": "user", "content": one} for one in texts]
        answer = self.client.chat.completions.create(model="m", messages=messages, **more)
        return answer.choices[0].message.content

    def stream(self, *texts):
        messages = [{"role": "user", "content": one} for one in texts]
        with self.client.chat.completions.create(model="m", messages=messages, stream=True) as chunks:
            return [chunk.model_dump() for chunk in chunks]

    async def ask_async(self, client, question):
        messages = [{"role": "user", "content": question}]
        answer = await client.chat.completions.create(model="m", messages=messages)
        return answer.choices[0].message.content

    def async_client(self):
        return openai.AsyncOpenAI(**self.settings)

    @property
    def asked(self):
        return len(self.server.requests)

    def stop(self):
        self.server.__exit__(None, None, None)

    def close(self):
        self.client.close()
        self.stop()


@pytest.fixture
def model():
    made = Model()
    yield made
    made.close()


@pytest.fixture
def make_model():
    made = []

    def make(reply=None):
        made.append(Model(reply))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def tape(tmp_path):
    return tmp_path / "a.tape"


# --- record and replay -------------------------------------------------------------------------------------------


def test_a_recorded_run_replays_without_a_server(model, tape):
    with spantape.record(tape) as session:
        live = [model.ask("one"), model.stream("two"), model.ask("one", "three")]
    assert [step.kind for step in session.tape.steps] == ["exchange"] * 3
    asked = model.asked
    model.stop()
    with spantape.replay(tape) as session:
        assert [model.ask("one"), model.stream("two"), model.ask("one", "three")] == live
    assert model.asked == asked == 3
    receipt = session.receipt()
    assert (receipt.answered, receipt.unused, receipt.misses) == (3, 0, ())


async def test_a_run_recorded_sync_replays_async(model, tape):
    with spantape.record(tape):
        live = model.ask("one")
    async with model.async_client() as client, spantape.replay(tape):
        assert await model.ask_async(client, "one") == live


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_errors_come_back_as_the_sdks_own(make_model, tape, status):
    model = make_model([error(status, message="no", headers={"retry-after-ms": "1"})] * 3)

    def attempt():
        try:
            model.ask("one")
        except openai.APIStatusError as caught:
            return type(caught), caught.status_code, caught.body
        return None

    with spantape.record(tape):
        live = attempt()
    model.stop()
    with spantape.replay(tape):
        assert attempt() == live
    assert live[1] == status


def test_a_second_tape_of_a_replay_has_the_same_fingerprint(model, tape, tmp_path):
    with spantape.record(tape):
        model.ask("mail alice@example.com")
        model.stream("two")
        model.ask("mail alice@example.com", "and bob@example.com")
    first = spantape.read_tape(tape)
    with spantape.replay(tape, record_to=tmp_path / "b.tape"):
        model.ask("mail alice@example.com")
        model.stream("two")
        model.ask("mail alice@example.com", "and bob@example.com")
    second = spantape.read_tape(tmp_path / "b.tape")
    assert second.fingerprint == first.fingerprint
    assert [step.exchange() for step in second.steps] == [step.exchange() for step in first.steps]
    assert all(step.span.attributes[names.REPLAYED] for step in second.steps)
    assert not spantape.diff(first, second)


def test_a_retried_call_is_answered_at_once(make_model, tape):
    model = make_model([error(429, headers={"retry-after-ms": "1"}), text("now")])
    with spantape.record(tape) as session:
        assert model.ask("one") == "now"
    assert [step.status for step in session.tape.steps] == [429, 200]
    for retries in ("skip", "replay"):
        with spantape.replay(tape, retries=retries):
            assert model.ask("one") == "now"


# --- misses and unused steps -------------------------------------------------------------------------------------


@pytest.fixture
def recorded(model, tape):
    with spantape.record(tape):
        model.ask("one")
        model.ask("two")
    return tape


@pytest.mark.parametrize("change", [{"model": "m2"}, {"temperature": 0.5}, {"tools": []}, {"text": "three"}])
def test_a_changed_request_is_a_miss_that_names_the_change(model, recorded, change):
    messages = [{"role": "user", "content": change.pop("text", "one")}]
    with pytest.raises(Miss, match=r"messages\[0\].content|model|temperature|tools"):  # noqa: SIM117 - the block itself raises
        with spantape.replay(recorded, allow_unused=True):
            model.client.chat.completions.create(**{"model": "m", "messages": messages, **change})
    assert model.asked == 2


def test_a_miss_that_was_swallowed_is_raised_when_the_block_is_left(model, recorded):
    with pytest.raises(Miss, match="three") as caught, spantape.replay(recorded) as session:
        try:
            model.ask("three")
        except BaseException:  # noqa: BLE001 - as careless programs do
            assert len(session.player.misses) == 1
    assert caught.value is session.player.misses[0]


def test_a_miss_that_became_another_exception_is_raised_with_it_as_its_cause(model, recorded):
    wrong = RuntimeError("the program's own")
    with pytest.raises(Miss) as caught, spantape.replay(recorded):
        try:
            model.ask("three")
        except BaseException:  # noqa: BLE001 - likewise
            raise wrong from None
    assert caught.value.__cause__ is wrong


def test_a_miss_that_goes_through_is_the_same_object(model, recorded):
    with pytest.raises(Miss) as caught, spantape.replay(recorded) as session:
        model.ask("three")
    assert session.player.misses == [caught.value]


def test_a_miss_is_no_exception_so_that_sdks_do_not_retry(model, recorded):
    with pytest.raises(Miss), spantape.replay(recorded) as session:
        try:
            model.ask("three")
        except Exception:  # noqa: BLE001 - what SDKs catch
            pytest.fail("a miss is no Exception")
    assert len(session.player.misses) == 1


def test_steps_that_nobody_asked_for_are_an_error_unless_allowed(model, recorded):
    with pytest.raises(UnusedSteps, match="1 of 2 recorded steps"), spantape.replay(recorded):
        model.ask("one")
    with spantape.replay(recorded, allow_unused=True) as session:
        model.ask("one")
    assert session.receipt().unused == 1


def test_unused_steps_do_not_hide_the_programs_exception(model, recorded):
    mine = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught, spantape.replay(recorded):
        raise mine
    assert caught.value is mine
    assert caught.value.__cause__ is None


def test_nothing_reaches_the_network_from_inside_a_replay(model, recorded):
    with pytest.raises(Miss), spantape.replay(recorded, allow_unused=True):
        model.client.models.list()
    assert model.asked == 2


# --- auto --------------------------------------------------------------------------------------------------------


def test_auto_records_once_and_then_replays(model, tape):
    for _ in range(3):
        with spantape.use(tape) as session:
            assert model.ask("one") == "You asked: one"
    assert session.mode == "replay"
    assert model.asked == 1


# --- extend ------------------------------------------------------------------------------------------------------


def test_extend_answers_the_old_and_records_the_new(model, recorded):
    with spantape.use(recorded, "extend") as session:
        assert [model.ask(one) for one in ("one", "three", "two", "four")] == [
            f"You asked: {one}" for one in ("one", "three", "two", "four")
        ]
    assert model.asked == 4
    assert [step.span.attributes[names.STEP] for step in session.tape.steps] == [0, 1, 2, 3]
    with spantape.replay(recorded):
        for one in ("one", "three", "two", "four"):
            model.ask(one)
    assert model.asked == 4


def test_extend_records_where_there_is_no_tape_yet(model, tape):
    with spantape.use(tape, "extend"):
        model.ask("one")
    assert len(spantape.read_tape(tape).steps) == 1


def test_extend_leaves_a_tape_alone_that_holds_everything(model, recorded):
    before = recorded.read_bytes()
    with spantape.use(recorded, "extend") as session:
        model.ask("one")
        model.ask("two")
    assert recorded.read_bytes() == before
    assert [path.name for path in recorded.parent.iterdir()] == [recorded.name]
    assert len(session.tape.steps) == 2


def test_extend_says_which_recorded_steps_are_no_longer_asked_for(model, recorded):
    with pytest.raises(UnusedSteps, match="1 of 2"), spantape.use(recorded, "extend"):
        model.ask("one")
        model.ask("three")
    assert len(spantape.read_tape(recorded).steps) == 3


def test_secrets_of_an_extension_are_numbered_after_those_on_the_tape(model, tape):
    with spantape.record(tape):
        model.ask("mail alice@example.com")
    with spantape.use(tape, "extend") as session:
        model.ask("mail alice@example.com")
        model.ask("mail bob@example.com and alice@example.com")
    body = json.loads(session.tape.steps[1].request_body())
    assert body["messages"][0]["content"] == "mail __email_2__ and __email_1__"
    with spantape.replay(tape):
        model.ask("mail alice@example.com")
        model.ask("mail bob@example.com and alice@example.com")


def test_extend_runs_and_records_only_the_tools_that_are_new(tape):
    ran = []

    @spantape.tool
    def double(number: int) -> int:
        ran.append(number)
        return 2 * number

    with spantape.record(tape):
        double(1)
    with spantape.use(tape, "extend"):
        assert (double(1), double(2)) == (2, 4)
    assert ran == [1, 2]
    with spantape.replay(tape):
        assert (double(1), double(2)) == (2, 4)
    assert ran == [1, 2]


def test_what_was_new_before_the_program_failed_is_kept(model, recorded):
    with pytest.raises(ZeroDivisionError), spantape.use(recorded, "extend"):
        model.ask("three")
        raise ZeroDivisionError
    assert len(spantape.read_tape(recorded).steps) == 3


# --- rerecord ----------------------------------------------------------------------------------------------------


def test_a_live_run_like_its_tape_has_no_drift(model, recorded):
    before = recorded.read_bytes()
    with spantape.use(recorded, "rerecord", on_drift="raise") as session:
        model.ask("one")
        model.ask("two")
    assert not session.drift
    assert model.asked == 4
    assert recorded.read_bytes() == before
    assert [path.name for path in recorded.parent.iterdir()] == [recorded.name]


def test_drift_is_logged_and_the_tape_kept(model, recorded, caplog):
    before = recorded.read_bytes()
    with caplog.at_level(logging.WARNING, "spantape"), spantape.use(recorded, "rerecord") as session:
        model.ask("one")
        model.ask("three")
    assert session.drift
    assert "the live run differs" in caplog.text
    assert recorded.read_bytes() == before


def test_drift_is_raised_where_that_is_asked_for(model, recorded):
    before = recorded.read_bytes()
    with (
        pytest.raises(Drift, match="the live run differs"),
        spantape.use(recorded, "rerecord", on_drift="raise"),
    ):
        model.ask("one")
    assert recorded.read_bytes() == before


def test_drift_does_not_hide_the_programs_exception(model, recorded):
    with (
        pytest.raises(ZeroDivisionError),
        spantape.use(recorded, "rerecord", on_drift="raise"),
    ):
        raise ZeroDivisionError
    assert len(spantape.read_tape(recorded).steps) == 2


def test_the_new_recording_takes_the_tapes_place_where_that_is_asked_for(model, recorded):
    with spantape.use(recorded, "rerecord", on_drift="replace"):
        model.ask("three")
    assert [path.name for path in recorded.parent.iterdir()] == [recorded.name]
    with spantape.replay(recorded):
        model.ask("three")


def test_a_failed_run_replaces_no_tape(model, recorded):
    before = recorded.read_bytes()
    with pytest.raises(ZeroDivisionError), spantape.use(recorded, "rerecord", on_drift="replace"):
        raise ZeroDivisionError
    assert recorded.read_bytes() == before


# --- what is written ---------------------------------------------------------------------------------------------


def spoken(tape):
    """Everything that a tape says, as one text."""
    said = []
    for span in spantape.read_tape(tape).spans:
        said += [span.name, repr(dict(span.attributes)), repr(span.events)]
    return "\n".join(said)


@pytest.mark.parametrize("redact", [True, False])
def test_credentials_are_never_written(make_model, tape, redact):
    answer = text("to alice@example.com").with_headers({"set-cookie": "a=s3cret"})
    model = make_model([answer] * 2)
    headers = {"cookie": "id=s3cret", "x-api-key": "s3cret-thing", "proxy-authorization": "Basic s3cret"}
    with spantape.record(tape, redact=redact):
        model.ask("one", extra_headers=headers)
    assert KEY not in spoken(tape)
    assert "s3cret" not in spoken(tape)
    assert "authorization" not in spoken(tape).lower()
    assert ("alice@example.com" in spoken(tape)) is not redact
    with spantape.replay(tape, redact=redact):
        model.ask("one", extra_headers=headers)


def test_bodies_are_verbatim_where_nothing_is_to_be_redacted(model, tape):
    with spantape.record(tape, redact=False) as session:
        model.ask(f"mail alice@example.com with {KEY}")
    assert f"mail alice@example.com with {KEY}".encode() in session.tape.steps[0].request_body()
    with spantape.replay(tape, redact=False):
        assert (
            model.ask(f"mail alice@example.com with {KEY}") == f"You asked: mail alice@example.com with {KEY}"
        )


def test_a_tape_recorded_verbatim_replays_with_redaction_too(model, tape):
    with spantape.record(tape, redact=False):
        model.ask("mail alice@example.com")
    with spantape.replay(tape):
        model.ask("mail alice@example.com")


# --- what fails in us --------------------------------------------------------------------------------------------


def test_a_tape_that_cannot_be_written_is_said_when_the_block_is_left(model, tape, monkeypatch):
    def full(self, **_):
        raise TapeError("no space left", path=tape)

    with pytest.raises(TapeError, match="no space left"), spantape.record(tape):
        assert model.ask("one") == "You asked: one"
        monkeypatch.setattr("spantape.tape.write.TapeWriter.close", full)


@pytest.mark.parametrize("mode", ["record", "extend", "rerecord"])
def test_a_tape_that_cannot_be_written_does_not_hide_the_programs_exception(
    model, recorded, monkeypatch, caplog, mode
):
    def full(self, **_):
        raise TapeError("no space left", path=recorded)

    monkeypatch.delenv("SPANTAPE_RAISE")
    mine = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught, spantape.use(recorded, mode):
        model.ask("three")
        monkeypatch.setattr("spantape.tape.write.TapeWriter.close", full)
        raise mine
    assert caught.value is mine
    assert "no space left" in caplog.text


def test_spans_that_could_not_be_written_are_said(model, tape, monkeypatch, caplog):
    def full(self, span):
        raise TapeError("no space left", path=tape)

    with pytest.raises(TapeError, match="spans could not be written"), spantape.record(tape):
        monkeypatch.setattr("spantape.tape.write.TapeWriter.add", full)
        assert model.ask("one") == "You asked: one"


def test_a_call_in_flight_when_its_block_is_left_is_on_the_tape(model, tape):
    messages = [{"role": "user", "content": "one two three four five"}]
    with spantape.record(tape) as session:
        chunks = model.client.chat.completions.create(model="m", messages=messages, stream=True)
        next(chunks)
    assert session.tape.steps[0].end == "abandoned"
    chunks.close()


# --- side by side ------------------------------------------------------------------------------------------------


async def test_tasks_side_by_side_keep_to_their_tapes(model, tmp_path):
    async def run(client, name, mode):
        with spantape.use(tmp_path / f"{name}.tape", mode) as session:
            answers = [await model.ask_async(client, f"{name} {turn}") for turn in range(3)]
        return answers, len(session.tape.steps)

    tasks = [f"task{number}" for number in range(5)]
    async with model.async_client() as client:
        live = await asyncio.gather(*(run(client, name, "record") for name in tasks))
        assert live == [([f"You asked: {name} {turn}" for turn in range(3)], 3) for name in tasks]
        model.stop()
        assert await asyncio.gather(*(run(client, name, "replay") for name in tasks)) == live


# --- secrets over a whole run ------------------------------------------------------------------------------------

OWN = ["alice@example.com", "bob@example.com", KEY, "123-45-6789"]
THEIRS = [
    "carol@mail.example.org",
    "dave@mail.example.org",
    KEY[::-1].replace("-", "x"),
    "4111 1111 1111 1111",
]
said = st.lists(st.sampled_from([*OWN, "and", "é"]), max_size=4).map(" , ".join)
answers = st.lists(st.sampled_from([*THEIRS, OWN[0], "ok"]), max_size=2).map(" , ".join)


@settings(max_examples=15, deadline=None)
@given(turns=st.lists(st.tuples(said, answers, st.booleans()), min_size=1, max_size=5))
def test_a_program_that_sends_on_what_it_was_answered_replays_with_all_its_secrets_replaced(
    tmp_path_factory, turns
):
    path = tmp_path_factory.mktemp("tapes") / "a.tape"
    waiting = iter([answer for _, answer, _ in turns])

    def handler(_request):
        return httpx2.Response(200, json={"content": f"so {next(waiting)}"})

    @spantape.tool
    def look(what: str) -> str:
        return f"{what} is {THEIRS[len(what) % len(THEIRS)]}"

    def program():
        history = [OWN[0]]
        with httpx2.Client(transport=httpx2.MockTransport(handler)) as client:
            for text_, _, looks in turns:
                history += [look(text_), text_] if looks else [text_]
                body = {"model": "m", "messages": [{"role": "user", "content": one} for one in history]}
                history.append(
                    client.post("https://api.openai.com/v1/chat/completions", json=body).json()["content"]
                )

    with spantape.record(path):
        program()
    assert not any(secret in spoken(path) for secret in (*OWN, *THEIRS[:2], THEIRS[3]))
    again = path.with_name("b.tape")
    with spantape.replay(path, record_to=again):
        program()
    assert spantape.read_tape(again).fingerprint == spantape.read_tape(path).fingerprint


def test_a_secret_that_a_tool_gave_keeps_its_number_on_replay(model, tape, tmp_path):
    @spantape.tool
    def owner() -> str:
        return "carol@example.com"

    def program():
        owner()
        model.ask("mail alice@example.com")

    with spantape.record(tape):
        program()
    with spantape.replay(tape, record_to=tmp_path / "b.tape"):
        program()
    body = json.loads(spantape.read_tape(tmp_path / "b.tape").steps[1].request_body())
    assert body["messages"][0]["content"] == "mail __email_2__"
    assert spantape.read_tape(tmp_path / "b.tape").fingerprint == spantape.read_tape(tape).fingerprint
