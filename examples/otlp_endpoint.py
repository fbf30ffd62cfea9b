"""Spans to an OTLP endpoint, as in production; what arrived there is a tape already, and replays."""

import json
import os
import tempfile
import warnings
from pathlib import Path

import openai
from google.protobuf import json_format
from opentelemetry import trace

import spantape
from spantape.testing import ModelServer, OtlpReceiver, attributes_of, text


@spantape.agent
def greeter(client: openai.OpenAI) -> str:
    messages = [{"role": "user", "content": "Greet ada@example.com."}]
    return client.chat.completions.create(model="gpt-4o", messages=messages).choices[0].message.content


def main() -> None:
    collected = Path(tempfile.mkdtemp()) / "collected.jsonl"
    with OtlpReceiver() as collector, ModelServer([text("Good morning!")]) as server:
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url  # in production: set in the environment
        spantape.instrument()  # the one line
        client = openai.OpenAI(base_url=server.base_url("openai"), api_key="sk-never-leaves-this-process")
        greeter(client)
        trace.get_tracer_provider().shutdown()
        spantape.uninstrument()
        for span in collector.wait_for(2):
            attributes = attributes_of(span)
            print(
                f"{span.name}: {attributes['spantape.kind']}, replaced: {attributes.get('spantape.redacted')}"
            )
        documents = [json.dumps(json_format.MessageToDict(export)) for export in collector.exports]

    collected.write_text("\n".join(documents))  # as the collector's file exporter writes them
    warnings.simplefilter("ignore", spantape.PartialTapeWarning)  # nobody has sealed it
    with spantape.replay(collected):
        print("replayed from what was collected:", greeter(client))


if __name__ == "__main__":
    main()
