"""Exported traces in every form that a source may have, made of the spans of one run."""

from __future__ import annotations

import base64
import gzip
import json
import struct

import zstandard

from spantape._spans import names
from spantape.collect._bodies import protobuf_of_json
from spantape.tape.otlp import span_line
from tape_spans import agent_span, chat, exchange, exchange_span, tool_span

AGENT_ID = f"{1:016x}"


def run(number=0, turns=2, **agent):
    """An agent (step 0), its exchanges as deltas, and a tool: the spans of run `number`, the root last."""
    trace = f"{number + 1:032x}"
    ids = {"trace_id": trace}

    def own(recorded, step):
        changed = dict(recorded.attributes) | {names.RUN_ID: trace, names.STEP: step}
        start = 1_000_000_000 * (number + 1) + step
        resource = {"service.name": "shop"}
        return type(recorded)(
            **{field: getattr(recorded, field) for field in recorded.__slots__}
            | ids
            | {"attributes": changed, "started_ns": start, "ended_ns": start + 100, "resource": resource}
        )

    root = agent_span(0, **agent)
    made = [
        exchange_span(turn + 1, exchange(turn), chat(turn - 1) if turn else None, parent=AGENT_ID)
        for turn in range(turns)
    ]
    made.append(tool_span(turns + 1, {"city": "Oslo"}, {"c": 4}, parent=AGENT_ID))
    spans = [own(one, step) for step, one in enumerate([root, *made])]
    return [*spans[1:], spans[0]]


def document(spans):
    """One TracesData document."""
    inner = [json.loads(span_line(one))["resourceSpans"][0] for one in spans]
    return {"resourceSpans": inner}


def json_lines(spans):
    return b"".join(map(span_line, spans))


def one_line(spans):
    return json.dumps(document(spans)).encode() + b"\n"


def proto(spans):
    return protobuf_of_json(one_line(spans))


def prefixed(*messages):
    return b"".join(struct.pack(">I", len(message)) + message for message in messages)


def base64_ids(spans):
    """The document as plain protobuf JSON has it: ids in base64, enums by name."""
    made = document(spans)
    for group in made["resourceSpans"]:
        for scope in group["scopeSpans"]:
            for one in scope["spans"]:
                for key in ("traceId", "spanId", "parentSpanId"):
                    if key in one:
                        one[key] = base64.b64encode(bytes.fromhex(one[key])).decode()
                one["kind"] = ("SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL")[bool(one["kind"])]
    return made


def tempo_v1(spans):
    made = base64_ids(spans)["resourceSpans"]
    for group in made:
        scopes = group.pop("scopeSpans")
        group["instrumentationLibrarySpans"] = [
            {"instrumentationLibrary": scope["scope"], "spans": scope["spans"]} for scope in scopes
        ]
    return json.dumps({"batches": made}).encode()


def tempo_v2(spans):
    return json.dumps({"trace": base64_ids(spans)}).encode()


def snake_case(spans):
    def snake(value):
        if isinstance(value, dict):
            return {
                "".join(f"_{c.lower()}" if c.isupper() else c for c in key): snake(member)
                for key, member in value.items()
            }
        return [snake(member) for member in value] if isinstance(value, list) else value

    return json.dumps(snake(document(spans))).encode()


def jaeger(spans):
    """Jaeger's query API: tags with types, times in microseconds, lists as JSON text."""

    def tag(key, value):
        if isinstance(value, bool):
            return {"key": key, "type": "bool", "value": value}
        if isinstance(value, int):
            return {"key": key, "type": "int64", "value": value}
        if isinstance(value, bytes):
            return {"key": key, "type": "binary", "value": base64.b64encode(value).decode()}
        text = value if isinstance(value, str) else json.dumps(value)
        return {"key": key, "type": "string", "value": text}

    made = [
        {
            "traceID": one.trace_id.lstrip("0"),
            "spanID": one.span_id.lstrip("0"),
            "operationName": one.name,
            "references": [{"refType": "CHILD_OF", "traceID": one.trace_id, "spanID": one.parent_id}]
            * bool(one.parent_id),
            "startTime": one.started_ns // 1000,
            "duration": (one.ended_ns - one.started_ns) // 1000 + 1,
            "tags": [tag("span.kind", "client"), *(tag(*pair) for pair in one.attributes.items())],
            "logs": [],
            "processID": "p1",
        }
        for one in spans
    ]
    processes = {"p1": {"serviceName": "shop", "tags": []}}
    trace = {"traceID": spans[0].trace_id.lstrip("0"), "spans": made, "processes": processes}
    return json.dumps({"data": [trace], "total": 0, "errors": None}).encode()


def nested(attributes):
    """Dotted names as Phoenix keeps them: nested, but where a name is both a value and a prefix."""
    made = {}
    for key, value in attributes.items():
        head, _, rest = key.partition(".")
        inner = made.setdefault(head, {})
        inner[rest] = value
    return made


def phoenix(spans):
    """Phoenix's REST API; numbers come back as they were."""
    made = [
        {
            "id": "U3Bhbjox",
            "name": one.name,
            "context": {"trace_id": one.trace_id, "span_id": one.span_id},
            "span_kind": "LLM",
            "parent_id": one.parent_id or None,
            "start_time": f"2026-11-21T01:00:00.{one.started_ns % 1000:06d}+00:00",
            "end_time": f"2026-11-21T01:00:01.{one.started_ns % 1000:06d}Z",
            "status_code": "OK",
            "status_message": "",
            "attributes": nested(one.attributes),
            "events": [],
        }
        for one in spans
    ]
    return json.dumps({"data": made, "next_cursor": None}).encode()


def langfuse(spans):
    """A trace of Langfuse's API; observations that came over OpenTelemetry keep their attributes in metadata."""
    made = [
        {
            "id": one.span_id,
            "traceId": one.trace_id,
            "type": "SPAN",
            "name": one.name,
            "startTime": f"2026-11-21T01:00:00.{one.started_ns % 1000:03d}Z",
            "endTime": "2026-11-21T01:00:01.000Z",
            "parentObservationId": one.parent_id or None,
            "level": "DEFAULT",
            "metadata": {
                "attributes": {
                    key: str(value) if isinstance(value, int) else value
                    for key, value in one.attributes.items()
                },
                "resourceAttributes": {"service.name": "shop"},
                "scope": {"name": "spantape"},
            },
        }
        for one in spans
    ]
    return json.dumps({"id": spans[0].trace_id, "name": "shop", "observations": made}).encode()


FORMS = {
    "lines": json_lines,
    "one line": one_line,
    "pretty": lambda spans: json.dumps(document(spans), indent=2).encode(),
    "pretty CRLF": lambda spans: json.dumps(document(spans), indent=2).replace("\n", "\r\n").encode(),
    "BOM": lambda spans: b"\xef\xbb\xbf" + one_line(spans),
    "array of documents": lambda spans: json.dumps([document([one]) for one in spans]).encode(),
    "base64 ids": lambda spans: json.dumps(base64_ids(spans)).encode(),
    "snake_case": snake_case,
    "gzip": lambda spans: gzip.compress(json_lines(spans)),
    "zstd": lambda spans: zstandard.compress(json_lines(spans)),
    "zstd frames": lambda spans: b"".join(zstandard.compress(span_line(one)) for one in spans),
    "protobuf": proto,
    "protobuf gzip": lambda spans: gzip.compress(proto(spans)),
    "protobuf zstd": lambda spans: zstandard.compress(proto(spans)),
    "two protobufs in a row": lambda spans: proto(spans[:1]) + proto(spans[1:]),
    "length-prefixed protobuf": lambda spans: prefixed(*(proto([one]) for one in spans)),
    "length-prefixed zstd protobuf": lambda spans: prefixed(
        *(zstandard.compress(proto([one])) for one in spans)
    ),
    "length-prefixed zstd JSON": lambda spans: prefixed(zstandard.compress(one_line(spans))),
    "Tempo v1": tempo_v1,
    "Tempo v2": tempo_v2,
    "Jaeger": jaeger,
    "Phoenix": phoenix,
    "Phoenix lines": lambda spans: b"".join(
        json.dumps(one).encode() + b"\n" for one in json.loads(phoenix(spans))["data"]
    ),
    "Langfuse trace": langfuse,
    "Langfuse observations": lambda spans: json.dumps(
        {"data": json.loads(langfuse(spans))["observations"]}
    ).encode(),
}
"""What each exporter, backend and packing makes of spans."""
