"""Draws on a tape: values that the program read, in one order with its steps, part of what the run did."""

import hashlib
import json
from pathlib import Path

import jcs
import pytest

from spantape import cli, diff
from spantape._spans import names
from spantape.errors import NotReplayable, PartialTapeWarning, TapeDamaged
from spantape.player.player import Player
from spantape.tape.fingerprint import START, canonical, descriptor, fingerprint
from spantape.tape.model import Draw
from spantape.tape.read import read_tape
from spantape.tape.verify import verify_tape
from tape_spans import exchange, exchange_span, sealed, span, tool_span

VECTORS = Path(__file__).parent.parent / "vectors" / "tape"


def draw_span(index, source="clock", value="12:00", **more):
    own = {
        names.KIND: "draw",
        names.STEP: index,
        names.DRAW_SOURCE: source,
        names.DRAW_VALUE: json.dumps(value),
    }
    return span(index, own | more)


def spans():
    return [
        draw_span(0, "clock", "12:00"),
        exchange_span(1, exchange(0)),
        draw_span(2, "random", 0.5),
        draw_span(3, "uuid", None),
        tool_span(4, {"q": 1}, 2),
        draw_span(5, "file", {"path": "x", "bytes": [1]}),
    ]


def test_draws_stand_between_the_steps(tmp_path):
    sealed(tmp_path / "a.tape", spans())
    tape = read_tape(tmp_path / "a.tape")
    assert [step.kind for step in tape.steps] == ["exchange", "tool"]
    assert [(draw.index, draw.before, draw.source, draw.value) for draw in tape.draws] == [
        (0, 0, "clock", "12:00"),
        (1, 1, "random", 0.5),
        (2, 1, "uuid", None),
        (3, 2, "file", {"path": "x", "bytes": [1]}),
    ]


def test_the_fingerprint_chains_draws_and_steps_in_their_order(tmp_path):
    tape = sealed(tmp_path / "a.tape", spans())
    chain = START
    order = [tape.draws[0], tape.steps[0], tape.draws[1], tape.draws[2], tape.steps[1], tape.draws[3]]
    for each in order:
        chain = hashlib.sha256(chain + canonical(descriptor(each))).digest()
    assert tape.fingerprint == chain.hex()
    assert descriptor(tape.draws[1]) == {
        "kind": "draw",
        "source": "random",
        "value": hashlib.sha256(b"0.5").hexdigest(),
    }


def test_the_vectors_are_what_a_reader_written_from_their_readme_finds():
    groups = [
        json.loads(line)["resourceSpans"][0] for line in (VECTORS / "draws.jsonl").read_bytes().splitlines()
    ]
    expected = json.loads((VECTORS / "draws.expected.json").read_text())
    chain = hashlib.sha256(b"spantape.fingerprint.v1").digest()
    found, begun = [], 0
    for group in groups:
        [one] = group["scopeSpans"][0]["spans"]
        said = {pair["key"]: next(iter(pair["value"].values())) for pair in one["attributes"]}
        if said["spantape.kind"] == "draw":
            value = json.loads(said["spantape.draw.value"])
            found.append({"before": begun, "source": said["spantape.draw.source"], "value": value})
            digest = hashlib.sha256(jcs.canonicalize(value)).hexdigest()
            described = {"kind": "draw", "source": said["spantape.draw.source"], "value": digest}
        else:
            described, begun = descriptor(read_step(one["spanId"])), begun + 1
        chain = hashlib.sha256(chain + jcs.canonicalize(described)).digest()
    assert found == expected["draws"]
    assert chain.hex() == expected["fingerprint"]


def read_step(span_id):
    with pytest.warns(PartialTapeWarning):
        tape = read_tape(VECTORS / "draws.jsonl")
    assert tape.fingerprint == json.loads((VECTORS / "draws.expected.json").read_text())["fingerprint"]
    return next(step for step in tape.steps if step.span.span_id == span_id)


def test_a_run_without_draws_has_the_fingerprint_of_its_steps(tmp_path):
    tape = sealed(tmp_path / "a.tape", [each for each in spans() if each.attributes[names.KIND] != "draw"])
    assert tape.fingerprint == fingerprint(tape.steps)
    assert tape.draws == ()


@pytest.mark.parametrize(
    "changed", [draw_span(2, "random", 0.25), draw_span(2, "clock", 0.5), span(2, {"other": 1})]
)
def test_another_draw_is_a_difference(tmp_path, capsys, changed):
    sealed(tmp_path / "a.tape", spans())
    sealed(tmp_path / "b.tape", [*spans()[:2], changed, *spans()[3:]])
    found = diff(tmp_path / "a.tape", tmp_path / "b.tape")
    assert found
    assert not found.steps
    assert "draws[1]" in str(found)
    assert diff(tmp_path / "a.tape", tmp_path / "b.tape", tolerance="structural")
    assert cli.run(["diff", str(tmp_path / "a.tape"), str(tmp_path / "b.tape"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["draws"]
    assert not diff(tmp_path / "a.tape", tmp_path / "a.tape")


def test_the_player_passes_draws_over(tmp_path):
    tape = sealed(tmp_path / "a.tape", spans())
    player = Player(tape)
    player.tool("search", {"q": 1})
    player.answer(tape.steps[0].exchange().request)
    player.close()


def test_a_draw_that_was_lost_says_so(tmp_path):
    tape = sealed(tmp_path / "a.tape", [span(0, {names.KIND: "draw", names.DRAW_SOURCE: "clock"})])
    with pytest.raises(NotReplayable, match=r"draw 0: the span has no spantape\.draw\.value"):
        _ = tape.draws[0].value
    assert verify_tape(tmp_path / "a.tape").unrecorded == (
        "draw 0: the span has no spantape.draw.value: it was dropped on its way here",
    )


@pytest.mark.parametrize("odd", [{names.DRAW_VALUE: 5}, {names.DRAW_SOURCE: 5}])
def test_a_draw_of_a_wrong_type_is_damage(tmp_path, odd):
    with pytest.raises(TapeDamaged, match=r"spantape\.draw"):
        sealed(tmp_path / "a.tape", [draw_span(0, **odd)])


def test_a_value_that_is_no_json_is_damage(tmp_path):
    tape = sealed(tmp_path / "a.tape", [draw_span(0, **{names.DRAW_VALUE: "{"})])
    assert isinstance(tape.draws[0], Draw)
    with pytest.raises(TapeDamaged, match="draw 0: is not JSON"):
        _ = tape.draws[0].value
