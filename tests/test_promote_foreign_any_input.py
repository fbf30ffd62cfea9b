"""Spans of other tools are what others wrote: whatever stands in them, they are read, graded, or left."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from foreign_spans import HERE, recorded
from spantape.player.reconstructed import is_reconstructed, meaning_of_step
from spantape.promote import steps
from spantape.tape.build import tape_of

FILES = sorted(path.stem for path in HERE.glob("*.jsonl") if not path.stem.startswith("beside"))
ODD = st.sampled_from(
    [
        None, True, -1, 2**63 - 1, float("nan"), "", "x", "__REDACTED__", "[]", "null", "[null]", b"\xff", (), ("a", 1), {"type": {}},
        '[{"role":1}]', '[{"role":"user","parts":null}]', '[{"parts":[{"type":["a"]}]}]', "[" * 3000 + "]" * 3000,
        '[{"role":"assistant","parts":[{"type":"tool_call","name":1,"arguments":[NaN]}]}]', '"\\ud800"',
        '[{"role":{},"parts":[{"type":"tool_call_response","id":{},"response":{"a":NaN}}]}]',
        '[{"role":"assistant","content":[{"type":"tool_use"}]}]', '{"messages":[{"role":"user"}],"model":"m"}',
        '{"object":"chat.completion","choices":null}', '{"object":"response","output":[{"type":"function_call"}]}',
        '{"object":"list","data":[{"embedding":"x"}]}', '{"type":"message","content":[1]}',
    ]
)  # fmt: skip


@st.composite
def broken_runs(draw):
    """The spans and events of one recorded call with some of their values lost, cut or replaced."""
    runs = recorded(draw(st.sampled_from(FILES)))
    run = runs[draw(st.sampled_from(sorted(runs)))]
    spans = []
    for span in run.spans:
        attributes = dict(span.attributes)
        for key in draw(st.lists(st.sampled_from(sorted(attributes) or [""]), max_size=4)):
            value = attributes.get(key)
            how = draw(st.integers(0, 3))
            if how == 0:
                attributes.pop(key, None)
            elif how == 1 and isinstance(value, str):
                attributes[key] = value[: len(value) // 2]
            else:
                attributes[key] = draw(ODD)
        parent = draw(st.sampled_from([span.parent_id, span.span_id]))
        spans.append(replace(span, attributes=attributes, parent_id=parent))
    events = [replace(event, body=draw(st.just(event.body) | ODD)) for event in run.events]
    return spans, events


@settings(max_examples=150, deadline=None)
@given(broken_runs())
def test_any_spans_are_graded_and_what_is_replayable_can_be_replayed(run):
    found = steps(*run)
    tape = tape_of([step.span for step in found])
    for step in tape.steps:
        if step.kind == "exchange" and is_reconstructed(step):
            assert step.response is not None
            assert meaning_of_step(step) is not None
    for step in found:
        assert step.replayable or step.reasons
