"""Records the calls of `tests/foreign_calls.py` with other instrumentations, and writes their spans beside this file.

    PYTHONPATH=tests python tests/spans/make.py NAME        (one of MAKERS)

Each `<name>.jsonl` has one OTLP JSON document a line, log records included; `versions.json` says which releases made them.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import sys
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider, export
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import foreign_calls as calls
from spantape.testing import ModelServer

HERE = Path(__file__).parent


class Recorder:
    """Collects spans and log records of the calls in `only`, of all where it is empty."""

    def __init__(self, only=()):
        self.only = only
        in_memory = getattr(export, "InMemoryLogRecordExporter", None) or export.InMemoryLogExporter
        self.spans, self.logs = InMemorySpanExporter(), in_memory()
        resource = Resource.create({"service.name": "weather"})
        self.tracers = TracerProvider(resource=resource)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.loggers = LoggerProvider(resource=resource)
        self.loggers.add_log_record_processor(export.SimpleLogRecordProcessor(self.logs))

    def documents(self):
        spans = [encode_spans([span]) for span in self.spans.get_finished_spans()]
        logs = [encode_logs([record]) for record in self.logs.get_finished_logs()]
        return [_as_json(message) for message in (*spans, *logs)]


def _as_json(message):
    """The OTLP JSON of a protobuf message: ids as hex, and no place of the machine that it was made on."""
    return without_places(_hex(MessageToDict(message, use_integers_for_enums=True)))


PLACES = ("exception.stacktrace", "code.", "process.", "host.")


def without_places(value):
    """A document without the attributes that tell of files and machines."""
    if isinstance(value, list):
        return [
            without_places(item)
            for item in value
            if not (isinstance(item, dict) and str(item.get("key", "")).startswith(PLACES))
        ]
    if isinstance(value, dict):
        return {key: without_places(inner) for key, inner in value.items()}
    return value


def _hex(value):
    import base64

    if isinstance(value, list):
        return [_hex(item) for item in value]
    if not isinstance(value, dict):
        return value
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        k: base64.b64decode(v).hex() if k in ids and isinstance(v, str) else _hex(v) for k, v in value.items()
    }


def openai_calls(recorder):
    import openai

    for name, (call, script) in calls.OPENAI.items():
        if not recorder.only or name in recorder.only:
            with (
                ModelServer(script) as server,
                recorder.tracers.get_tracer("test").start_as_current_span(name),
            ):
                client = openai.OpenAI(base_url=server.base_url("openai"), api_key="none", max_retries=0)
                with contextlib.suppress(openai.APIError):
                    call(client)


def anthropic_calls(recorder):
    import anthropic

    for name, (call, script) in calls.ANTHROPIC.items():
        if not recorder.only or name in recorder.only:
            with (
                ModelServer(script) as server,
                recorder.tracers.get_tracer("test").start_as_current_span(name),
            ):
                url = server.base_url("anthropic")
                client = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)
                with contextlib.suppress(anthropic.APIError):
                    call(client)


def both(recorder, openai_class, anthropic_class, **settings):
    """Record with an instrumentation that comes as a package for each SDK."""
    for made, run in ((openai_class, openai_calls), (anthropic_class, anthropic_calls)):
        if made is not None:
            made().instrument(tracer_provider=recorder.tracers, skip_dep_check=True, **settings)
            run(recorder)


def genai(recorder, mode="SPAN_ONLY"):
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = mode
    from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    both(recorder, OpenAIInstrumentor, AnthropicInstrumentor, logger_provider=recorder.loggers)


def genai_events(recorder):
    genai(recorder, "EVENT_ONLY")


def genai_nothing(recorder):
    genai(recorder, "NO_CONTENT")


def genai_old(recorder):
    """opentelemetry-instrumentation-openai-v2 2.1, which keeps to the conventions up to 1.36."""
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "true"
    from opentelemetry._events import set_event_logger_provider
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
    from opentelemetry.sdk._events import EventLoggerProvider

    events = EventLoggerProvider(recorder.loggers)
    set_event_logger_provider(events)
    both(recorder, OpenAIInstrumentor, None, event_logger_provider=events)


def openllmetry(recorder, content="true"):
    os.environ["TRACELOOP_TRACE_CONTENT"] = content
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    both(recorder, OpenAIInstrumentor, AnthropicInstrumentor)


def openllmetry_nothing(recorder):
    openllmetry(recorder, "false")


def openinference(recorder):
    from openinference.instrumentation.anthropic import AnthropicInstrumentor
    from openinference.instrumentation.openai import OpenAIInstrumentor

    both(recorder, OpenAIInstrumentor, AnthropicInstrumentor)


def openinference_hidden(recorder):
    os.environ["OPENINFERENCE_HIDE_INPUTS"] = "true"
    os.environ["OPENINFERENCE_HIDE_OUTPUTS"] = "true"
    openinference(recorder)


def anthropic_native(recorder, mode="content"):
    os.environ["ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE"] = mode
    from opentelemetry import trace

    trace.set_tracer_provider(recorder.tracers)
    anthropic_calls(recorder)


def anthropic_native_nothing(recorder):
    anthropic_native(recorder, "")


def configured_logfire(recorder):
    import logfire

    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[SimpleSpanProcessor(recorder.spans)],
    )
    return logfire


def logfire(recorder):
    configured = configured_logfire(recorder)
    configured.instrument_openai()
    configured.instrument_anthropic()
    openai_calls(recorder)
    anthropic_calls(recorder)


def pydantic_agent(server, settings):
    from pydantic_ai import Agent
    from pydantic_ai.models.instrumented import InstrumentationSettings
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(base_url=server.base_url("openai"), api_key="none")
    agent = Agent(
        OpenAIChatModel(calls.MODEL, provider=provider),
        system_prompt="Be brief.",
        name="weather",
    )
    agent.instrument = InstrumentationSettings(**settings)

    @agent.tool_plain
    def weather(city: str) -> dict:
        """The weather in a city."""
        return {"rain": True, "mm": 3, "city": city}

    return agent


def pydantic_ai(recorder, before=None, **settings):
    from spantape.testing import text, tool_call

    script = [tool_call("weather", calls.ARGUMENTS, id="call_1"), text("It rains: 3 mm.")]
    with ModelServer(script) as server:
        if before is not None:
            before()
        agent = pydantic_agent(server, {"tracer_provider": recorder.tracers, **settings})
        agent.run_sync("Is it raining in Tromsø?")


def pydantic_ai_version(version):
    return lambda recorder: pydantic_ai(recorder, version=version)


def pydantic_ai_nothing(recorder):
    pydantic_ai(recorder, include_content=False)


def pydantic_ai_nested(recorder):
    """pydantic-ai over OpenLLMetry, both watching one call."""
    os.environ["TRACELOOP_TRACE_CONTENT"] = "true"
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    pydantic_ai(
        recorder,
        before=lambda: OpenAIInstrumentor().instrument(tracer_provider=recorder.tracers, skip_dep_check=True),
    )


def langchain():
    """Two turns of LangChain with a tool, each span a trace of its own: its callbacks make none the current one."""
    from langchain_core.messages import HumanMessage, SystemMessage
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI

    from spantape.testing import text, tool_call

    @tool
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"3 mm in {city}"

    script = [tool_call("weather", calls.ARGUMENTS, id="call_1"), text("It rains: 3 mm.")]
    with ModelServer(script) as server:
        url = server.base_url("openai")
        model = ChatOpenAI(model=calls.MODEL, base_url=url, api_key="none", max_retries=0).bind_tools(
            [weather]
        )
        history = [SystemMessage("Be brief."), HumanMessage("Is it raining in Tromsø?")]
        history.append(model.invoke(history))
        history += [weather.invoke(call) for call in history[-1].tool_calls]
        model.invoke(history)


def langchain_openinference(recorder):
    from openinference.instrumentation.langchain import LangChainInstrumentor
    from openinference.instrumentation.openai import OpenAIInstrumentor

    LangChainInstrumentor().instrument(tracer_provider=recorder.tracers)
    OpenAIInstrumentor().instrument(tracer_provider=recorder.tracers)
    langchain()


def langchain_openllmetry(recorder):
    os.environ["TRACELOOP_TRACE_CONTENT"] = "true"
    from opentelemetry.instrumentation.langchain import LangchainInstrumentor

    LangchainInstrumentor().instrument(tracer_provider=recorder.tracers)
    langchain()


def agents(recorder, instrument):
    """Two turns of OpenAI's Agents SDK with a tool."""
    import agents as sdk
    import openai

    from spantape.testing import text, tool_call

    @sdk.function_tool
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"3 mm in {city}"

    instrument(recorder)
    script = [tool_call("weather", calls.ARGUMENTS, id="call_1"), text("It rains: 3 mm.")]
    with ModelServer(script) as server:
        client = openai.AsyncOpenAI(base_url=server.base_url("openai"), api_key="none")
        sdk.set_default_openai_client(client, use_for_tracing=False)
        agent = sdk.Agent(name="weather", instructions="Be brief.", tools=[weather], model=calls.MODEL)
        sdk.Runner.run_sync(agent, "Is it raining in Tromsø?")


def agents_openllmetry(recorder):
    from opentelemetry.instrumentation.openai_agents import OpenAIAgentsInstrumentor

    os.environ["TRACELOOP_TRACE_CONTENT"] = "true"
    agents(recorder, lambda found: OpenAIAgentsInstrumentor().instrument(tracer_provider=found.tracers))


def agents_openinference(recorder):
    from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

    agents(recorder, lambda found: OpenAIAgentsInstrumentor().instrument(tracer_provider=found.tracers))


def agents_logfire(recorder):
    agents(recorder, lambda found: configured_logfire(found).instrument_openai_agents())


def beside(maker):
    """Ours switched on around another."""

    def record(recorder):
        import spantape

        with spantape.instrument(recorder.tracers):
            maker(recorder)

    return record


def langfuse(recorder):
    from langfuse import Langfuse

    Langfuse(
        public_key="pk-none",
        secret_key="none",
        base_url="http://127.0.0.1:9",
        tracer_provider=recorder.tracers,
    )
    from langfuse.openai import OpenAI

    for name, (call, script) in calls.OPENAI.items():
        with ModelServer(script) as server, recorder.tracers.get_tracer("test").start_as_current_span(name):
            client = OpenAI(base_url=server.base_url("openai"), api_key="none", max_retries=0)
            import openai

            with contextlib.suppress(openai.APIError):
                call(client)


MAKERS = {
    "openllmetry_old": openllmetry,  # 0.40, with indexed attributes
    "genai": genai,
    "genai_events": genai_events,
    "genai_nothing": genai_nothing,
    "genai_old": genai_old,
    "openllmetry": openllmetry,
    "openllmetry_nothing": openllmetry_nothing,
    "openinference": openinference,
    "openinference_hidden": openinference_hidden,
    "anthropic_native": anthropic_native,
    "anthropic_native_nothing": anthropic_native_nothing,
    "logfire": logfire,
    "pydantic_ai": pydantic_ai,
    "pydantic_ai_v2": pydantic_ai_version(2),
    "pydantic_ai_v3": pydantic_ai_version(3),
    "pydantic_ai_nothing": pydantic_ai_nothing,
    "pydantic_ai_nested": pydantic_ai_nested,
    "langfuse": langfuse,
    "agents_openllmetry": agents_openllmetry,
    "agents_openinference": agents_openinference,
    "agents_logfire": agents_logfire,
    "langchain_openinference": langchain_openinference,
    "langchain_openllmetry": langchain_openllmetry,
    "beside_genai": beside(genai),
    "beside_openllmetry": beside(openllmetry),
    "beside_openinference": beside(openinference),
    "genai_cut": genai,
    "openllmetry_dropped": openllmetry,
    "openllmetry_old_dropped": openllmetry,
}
FEW = ("chat", "chat_tools", "messages", "messages_streamed")
VARIANTS = {
    "genai_nothing": {},
    "openllmetry_nothing": {},
    "openinference_hidden": {},
    "anthropic_native_nothing": {},
    "beside_genai": {},
    "beside_openllmetry": {},
    "beside_openinference": {},
    "genai_cut": {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "72"},
    "openllmetry_dropped": {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "8"},
    "openllmetry_old_dropped": {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "16"},
}
"""Variants, which make do with few calls, and the environment of their SDK."""

_TOLD = (
    "langchain",
    "opentelemetry",
    "openinference",
    "openai",
    "anthropic",
    "logfire",
    "pydantic-ai",
    "langfuse",
)


def main(name):
    os.environ.update(VARIANTS.get(name, {}))
    recorder = Recorder(FEW if name in VARIANTS else ())
    MAKERS[name](recorder)
    recorder.tracers.force_flush()
    lines = [json.dumps(document, ensure_ascii=False) + "\n" for document in recorder.documents()]
    (HERE / f"{name}.jsonl").write_text("".join(lines))
    sys.stdout.write(f"{name}: {len(lines)} documents, {sum(map(len, lines))} bytes\n")
    _note_versions(name)


def _note_versions(name):
    file = HERE / "versions.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    found = {
        dist.metadata["Name"].lower(): dist.version
        for dist in importlib.metadata.distributions()
        if any(module in sys.modules for module in _modules(dist)) and _is_told(dist.metadata["Name"])
    }
    known[name] = dict(sorted(found.items()))
    file.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")


def _is_told(name):
    return name.lower().startswith(_TOLD)


def _modules(dist):
    files = [str(path) for path in dist.files or () if str(path).endswith("__init__.py")]
    return {path.removesuffix("/__init__.py").replace("/", ".") for path in files}


if __name__ == "__main__":
    main(sys.argv[1])
