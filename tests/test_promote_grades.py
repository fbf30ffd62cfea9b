"""Each grade and each refusal, from spans that the real instrumentations made."""

from __future__ import annotations

from dataclasses import replace

import pytest

import spantape
from foreign_spans import model_span, recorded
from spantape._spans import names
from spantape.promote import steps
from spantape.tape.write import write_tape


def only(spans, events=()):
    (step,) = steps(spans, events)
    return step


def grade_of(span, **changes):
    """The step of a span with attributes changed; None takes one away."""
    attributes = {**span.attributes, **changes}
    return only([replace(span, attributes={k: v for k, v in attributes.items() if v is not None})])


# --- the three grades ------------------------------------------------------------------------------------------------


def test_ours_is_exact_and_its_bytes_are_proven():
    found = recorded("beside_genai")["chat_tools"].steps()
    assert [step.grade for step in found] == ["exact", "exact"]
    assert all(names.REQUEST_DIGEST in step.span.attributes for step in found)


def test_what_has_all_that_was_said_is_reconstructed():
    step = only(recorded("genai")["chat"].spans)
    assert (step.grade, step.unrecorded, step.replayable) == ("reconstructed", (), True)
    assert step.reasons == ("OpenTelemetry GenAI keeps what was said, not the bytes",)
    assert step.span.attributes[names.GRADE] == "reconstructed"
    assert step.span.attributes[names.SOURCES] == ("OpenTelemetry GenAI",)


def test_what_was_not_recorded_of_a_request_is_named():
    step = only(recorded("anthropic_native")["messages_image"].spans)
    assert step.unrecorded == ("tools", "media")
    assert step.reasons == (
        "Anthropic SDK keeps what was said, not the bytes; its request was recorded without tools, media",
    )
    assert step.span.attributes[names.UNRECORDED] == ("tools", "media")


NOTHING = {
    "genai_nothing": "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY",
    "openllmetry_nothing": "TRACELOOP_TRACE_CONTENT=true",
    "openinference_hidden": "OPENINFERENCE_HIDE_INPUTS, OPENINFERENCE_HIDE_OUTPUTS and their kin unset",
    "anthropic_native_nothing": "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE=content",
    "pydantic_ai_nothing": "InstrumentationSettings(include_content=True)",
}


@pytest.mark.parametrize(("name", "setting"), NOTHING.items())
def test_without_content_a_step_is_a_skeleton_that_names_the_setting(name, setting):
    found = [step for run in recorded(name).values() for step in run.steps() if step.kind == "exchange"]
    assert len(found) >= 2
    for step in found:
        assert step.grade == "skeleton"
        assert step.reasons == (
            f"input messages: the span does not hold them (to keep it: {setting})",
            f"output messages: the span does not hold them (to keep it: {setting})",
        )


def test_the_old_conventions_need_their_own_setting():
    """Their content is in log records: where these were not exported, the setting is not enough."""
    step = only(recorded("genai_old")["chat"].spans, ())
    assert step.grade == "skeleton"
    assert all("with the log records exported too" in reason for reason in step.reasons)


@pytest.mark.parametrize("name", ["genai_nothing", "openllmetry_nothing", "openinference_hidden"])
def test_a_replay_of_a_skeleton_is_refused_with_its_reason(name, tmp_path):
    found = recorded(name)["chat"].steps()
    write_tape(tmp_path / "run.tape", [step.span for step in found])
    tape = spantape.read_tape(tmp_path / "run.tape")
    assert tape.steps[0].method == "POST"
    with pytest.raises(
        spantape.NotReplayable, match="input messages: the span does not hold them"
    ) as refusal:
        tape.steps[0].request_body()
    assert NOTHING[name] in str(refusal.value)


# --- what makes a step less than complete ----------------------------------------------------------------------------


def test_json_that_a_length_limit_cut_is_named():
    step = only(recorded("genai_cut")["chat"].spans)
    assert step.grade == "skeleton"
    limit = "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT (and OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT) unset"
    assert step.reasons == (
        f"input messages: the JSON was cut short (to keep it: {limit})",
        f"output messages: the JSON was cut short (to keep it: {limit})",
    )


def test_texts_that_all_end_at_one_length_were_cut():
    span = model_span("openllmetry_old", "chat")
    cut = {"gen_ai.prompt.0.content": "a" * 256, "gen_ai.prompt.1.content": "b" * 256}
    step = grade_of(span, **cut)
    assert step.grade == "skeleton"
    assert "texts end at 256 characters, a limit of the SDK" in step.reasons[0]
    longer = {**cut, "gen_ai.completion.0.content": "c" * 300}
    assert grade_of(span, **longer).grade == "reconstructed"


@pytest.mark.parametrize("name", ["openllmetry_dropped", "openllmetry_old_dropped"])
def test_attributes_that_a_count_limit_dropped_are_counted(name):
    """Even where the operation is among them, a call is not overlooked."""
    for call, run in recorded(name).items():
        for step in run.steps():
            assert step.grade == "skeleton", call
    (first, *_) = recorded(name)["chat_tools"].steps()
    assert any("the span limits dropped" in reason for reason in first.reasons)
    assert any("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" in reason for reason in first.reasons)


def test_messages_that_are_missing_in_between_are_numbered():
    step = grade_of(
        model_span("openllmetry_old", "chat"),
        **{"gen_ai.prompt.0.role": None, "gen_ai.prompt.0.content": None},
    )
    assert step.grade == "skeleton"
    assert "the span does not hold number 0 of 2" in step.reasons[0]


def test_masked_content_is_a_skeleton():
    span = model_span("openinference", "chat")
    masked = {"input.value": "__REDACTED__", "llm.input_messages.1.message.content": "__REDACTED__"}
    step = grade_of(span, **masked)
    assert step.grade == "skeleton"
    assert step.reasons[0].startswith(
        "input messages: content is masked (to keep it: OPENINFERENCE_HIDE_INPUTS"
    )
    output = {"output.value": "__REDACTED__", "llm.output_messages.0.message.content": "__REDACTED__"}
    assert "output messages: content is masked" in grade_of(span, **output).reasons[0]


def test_a_masked_image_is_not_compared():
    """The answer is there all the same: OPENINFERENCE_HIDE_INPUT_IMAGES, or an image beyond its limit."""
    span = model_span("openinference", "chat_image")
    raw = span.attributes["input.value"]
    start = raw.index("data:image")
    masked = raw[:start] + "__REDACTED__" + raw[raw.index('"', start) :]
    url = "llm.input_messages.0.message.contents.1.message_content.image.image.url"
    step = grade_of(span, **{"input.value": masked, url: "__REDACTED__"})
    assert (step.grade, step.unrecorded) == ("reconstructed", ("media",))


def test_content_that_the_sdk_itself_cut_is_named():
    step = grade_of(model_span("anthropic_native", "messages"), **{"anthropic.content.truncated": True})
    assert step.grade == "skeleton"
    assert "ANTHROPIC_OPEN_TELEMETRY_TRACES_MAX_CONTENT_BYTES" in step.reasons[0]


def test_what_an_instrumentation_leaves_out_has_no_setting():
    step = only(recorded("anthropic_native")["messages_events"].spans)
    assert step.reasons == (
        "output messages: Anthropic SDK left them out of this span, though it recorded content",
    )
    (empty,) = recorded("logfire")["chat_refused"].steps()
    assert empty.reasons == ("output messages: they are empty, though the model wrote tokens",)
    (vectors,) = recorded("openllmetry")["embeddings"].steps()
    assert vectors.reasons == ("vectors: OpenLLMetry does not record them",)


def test_an_api_that_no_answer_can_be_composed_for_is_a_skeleton():
    changed = {"gen_ai.operation.name": "generate_video", "gen_ai.provider.name": "gcp.gemini"}
    assert steps([replace(model_span("genai", "chat"), attributes={**changed})]) == []
    span = model_span("genai", "chat")
    blob = '[{"role":"assistant","parts":[{"type":"blob","modality":"image","content":"aGk="}]}]'
    step = grade_of(span, **{"gen_ai.output.messages": blob})
    assert step.reasons == ("got a part of type 'blob', and an answer of openai.chat has no form for it",)


def test_a_failure_is_told_by_its_status():
    for name in ("genai", "openllmetry", "openinference", "anthropic_native"):
        step = only(recorded(name)["messages_failed"].spans)
        assert (step.grade, step.span.attributes[names.HTTP_STATUS]) == ("reconstructed", 429)


def test_a_failure_that_nobody_answered_is_a_skeleton():
    span = replace(model_span("genai", "chat_failed"), status_message="Request timed out.", events=())
    step = grade_of(span, **{"error.type": "openai.APITimeoutError"})
    assert step.grade == "skeleton"
    assert step.reasons == (
        "it failed (openai.APITimeoutError), and the span does not tell what was answered",
    )


def test_our_own_span_without_its_payload_is_a_skeleton():
    run = recorded("beside_genai")["chat"]
    ours = next(span for span in run.spans if names.KIND in span.attributes)
    lost = {k: v for k, v in ours.attributes.items() if k != names.RESPONSE_BODY}
    step = only([replace(ours, attributes=lost)])
    assert step.grade == "skeleton"
    assert step.reasons[0].startswith("response.body: the span has no spantape.response.body")


def test_our_own_span_whose_bytes_were_changed_is_a_skeleton():
    run = recorded("beside_genai")["chat"]
    ours = next(span for span in run.spans if names.KIND in span.attributes)
    changed = {**ours.attributes, names.RESPONSE_BODY: ours.attributes[names.RESPONSE_BODY] + " "}
    step = only([replace(ours, attributes=changed)])
    assert step.grade == "skeleton"
    assert "got sha256" in step.reasons[0]


def test_our_own_delta_without_its_base_is_named():
    run = recorded("beside_genai")["chat_tools"]
    ours = sorted((s for s in run.spans if names.KIND in s.attributes), key=lambda span: span.started_ns)
    step = only(ours[1:])
    assert step.grade == "skeleton"
    assert "its base body sha256" in step.reasons[0]


# --- tools -----------------------------------------------------------------------------------------------------------


def tool_of(name):
    run = next(iter(recorded(name).values()))
    return next(step for step in run.steps() if step.kind == "tool")


@pytest.mark.parametrize("name", ["pydantic_ai", "pydantic_ai_v2"])
def test_a_tool_has_its_arguments_and_its_result(name):
    step = tool_of(name)
    assert step.grade == "reconstructed"
    assert step.span.attributes[names.TOOL_NAME] == "weather"
    assert step.span.attributes[names.ARGUMENTS] == '{"city":"Tromsø"}'
    assert step.span.attributes[names.RESULT] == '{"rain":true,"mm":3,"city":"Tromsø"}'


def test_a_tool_without_its_result_runs_live():
    """It stands on the tape as a span, not as a step, so that it refuses no replay."""
    step = tool_of("pydantic_ai_nothing")
    assert step.grade == "skeleton"
    assert [reason.partition(":")[0] for reason in step.reasons] == ["arguments", "result"]
    assert names.KIND not in step.span.attributes


# --- what looks whole and is not -------------------------------------------------------------------------------------


def test_one_text_that_ends_at_a_usual_limit_was_cut():
    span = model_span("openllmetry_old", "chat")
    for length in (1024, 4096, 2000):
        step = grade_of(span, **{"gen_ai.prompt.1.content": "a b " * (length // 4)})
        assert f"texts end at {length} characters" in step.reasons[0]
    assert grade_of(span, **{"gen_ai.prompt.1.content": "a" * 1025}).grade == "reconstructed"


def test_our_own_span_without_any_of_our_attributes_shows_only_new_messages():
    """A collector that drops `spantape.*` leaves spans of the conventions that are no whole requests."""
    span = replace(model_span("genai", "chat"), scope="spantape")
    step = grade_of(span)
    assert step.grade == "skeleton"
    assert "shows only the messages that were new" in step.reasons[0]
    assert grade_of(span, **{names.MESSAGES_BEFORE: 2}).grade == "skeleton"
    assert grade_of(span, **{names.MESSAGES_BEFORE: 0}).grade == "reconstructed"


def test_tools_count_as_unrecorded_where_a_writer_is_not_known_to_tell_them():
    span = model_span("genai", "chat")
    assert grade_of(span).unrecorded == ()
    assert grade_of(replace(span, scope="someone.else")).unrecorded == ("tools",)


def test_tools_that_were_called_but_not_recorded_are_unrecorded():
    step = grade_of(model_span("genai", "chat_tools"), **{"gen_ai.tool.definitions": None})
    assert (step.grade, step.unrecorded) == ("reconstructed", ("tools",))


@pytest.mark.parametrize("provider", ["aws.bedrock", "gcp.gemini", "cohere"])
def test_apis_without_a_composer_are_named(provider):
    span = model_span("genai", "chat")
    step = grade_of(span, **{"gen_ai.provider.name": provider, "gen_ai.response.id": "x-1"})
    assert step.reasons == (f"no answers can be composed for provider '{provider}', operation 'chat'",)
    gateway = grade_of(span, **{"gen_ai.provider.name": provider})
    assert (gateway.grade, gateway.span.attributes[names.DIALECT]) == ("reconstructed", "openai.chat")


def test_a_stream_that_broke_off_is_not_taken_for_a_whole_answer():
    broken = {"error.type": "httpx2.ReadError"}
    span = replace(model_span("genai", "chat_streamed"), status_code=2)
    assert "it failed (httpx2.ReadError)" in grade_of(span, **broken).reasons[0]


def test_a_failure_after_a_whole_answer_comes_again_from_the_sdk():
    """What the SDK raises of its own, on an answer that it cannot parse."""
    span = replace(model_span("genai", "chat"), status_code=2)
    step = grade_of(span, **{"error.type": "openai.LengthFinishReasonError"})
    assert (step.grade, step.span.attributes[names.HTTP_STATUS]) == ("reconstructed", 200)


def test_content_that_was_uploaded_is_named_with_its_place():
    refs = {f"gen_ai.{side}.messages_ref": f"gs://bucket/1_{side}s.json" for side in ("input", "output")}
    step = grade_of(model_span("genai_nothing", "chat"), **refs)
    assert step.reasons[0].startswith("input messages: they stand at gs://bucket/1_inputs.json")
    assert step.reasons[1].startswith("output messages: they stand at gs://bucket/1_outputs.json")
