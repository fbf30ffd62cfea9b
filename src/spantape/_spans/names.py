"""Every span attribute that spantape writes or reads, spelled once.

`gen_ai.*`, `http.*`, `server.*`, `url.*` and `error.*` follow the OpenTelemetry conventions; the rest is ours.
`docs` of each of ours: the comment behind it.
"""

from __future__ import annotations

from typing import Final

# --- the OpenTelemetry conventions -------------------------------------------------------------------------------
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
RESPONSE_ID: Final = "gen_ai.response.id"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
AGENT_NAME: Final = "gen_ai.agent.name"
AGENT_DESCRIPTION: Final = "gen_ai.agent.description"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
HTTP_METHOD: Final = "http.request.method"
HTTP_STATUS: Final = "http.response.status_code"
HTTP_RESEND_COUNT: Final = "http.request.resend_count"
URL_FULL: Final = "url.full"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"

# --- ours --------------------------------------------------------------------------------------------------------
FORMAT: Final = "spantape.format"  # int: version of this vocabulary
FORMAT_VERSION: Final = 1
KIND: Final = "spantape.kind"  # "exchange" | "tool" | "agent" | "draw" | "run"
RUN_ID: Final = "spantape.run.id"  # str: spans with the same id are one run, so one tape
RUN_NAME: Final = "spantape.run.name"  # str, on kind "run"
STEP: Final = "spantape.step"  # int: the step's place in its run, in order of start, from 0
REPLAYED: Final = "spantape.replayed"  # true: answered from a tape, not by a server
DIALECT: Final = "spantape.dialect"  # str: what the bytes mean, e.g. "openai.chat"; absent where unknown
END: Final = "spantape.end"  # how the response ended, where not "complete"
ERROR_MESSAGE: Final = "spantape.error.message"  # str, beside error.type
MESSAGES_BEFORE: Final = (
    "spantape.messages.before"  # int: input messages that earlier spans show; 0: all are here
)
REDACTED: Final = "spantape.redacted"  # string[]: "<kind>:<count>" of what was replaced
CUT: Final = "spantape.cut"  # string[]: attributes that a limit of the SDK cut or dropped
CONTENT: Final = "spantape.content"  # "none": recorded without messages and payload, so not replayable
GRADE: Final = (
    "spantape.grade"  # "reconstructed" | "skeleton"; absent: exact, the bytes are the recorded ones
)
GRADE_REASONS: Final = (
    "spantape.grade.reasons"  # string[]: why it is not better, with the setting that would keep it
)
REQUEST_KNOWN: Final = "spantape.request.known"  # string[]: "url", "body", "body.<member>" where a recording holds no more of a request

REQUEST_HEADERS: Final = (
    "spantape.request.headers"  # lines "name: value", those that are kept; str or string[]
)
REQUEST_BODY: Final = "spantape.request.body"  # str (UTF-8 text) or bytes, coded as *_ENCODING says
REQUEST_ENCODING: Final = "spantape.request.body.encoding"  # absent: as it is; "delta", "zstd", "delta+zstd"
REQUEST_DIGEST: Final = "spantape.request.body.sha256"  # hex of the whole, decoded body
REQUEST_SIZE: Final = "spantape.request.body.size"  # int: bytes of the whole, decoded body
BASE_DIGEST: Final = "spantape.request.base.sha256"  # hex of the body that this one grew from
BASE_PREFIX: Final = "spantape.request.base.prefix"  # int: leading bytes taken from the base
BASE_SUFFIX: Final = "spantape.request.base.suffix"  # int: trailing bytes taken from the base
RESPONSE_HEADERS: Final = "spantape.response.headers"
RESPONSE_BODY: Final = "spantape.response.body"
RESPONSE_ENCODING: Final = "spantape.response.body.encoding"  # absent or "zstd"
RESPONSE_DIGEST: Final = "spantape.response.body.sha256"
RESPONSE_SIZE: Final = "spantape.response.body.size"
RESPONSE_CONTENT_ENCODING: Final = "spantape.response.content_encoding"  # undone before recording
RESPONSE_CHUNKS: Final = "spantape.response.chunks"  # str: see `_spans.chunks.write_chunks`

ARGUMENTS: Final = "spantape.arguments"  # JSON text: what an agent or tool was called with
RESULT: Final = "spantape.result"  # JSON text: what it gave back
RESULT_TYPE: Final = "spantape.result.type"  # str: "value" | "generator" | "async_generator"
RESULT_LOSSY: Final = "spantape.result.lossy"  # str: why the result does not round-trip; absent where it does
CALLABLE: Final = "spantape.callable"  # str: "module:qualified.name" of the decorated function

UNRECORDED: Final = (
    "spantape.unrecorded"  # string[]: members of the request that nobody recorded, so not compared
)
SOURCES: Final = "spantape.sources"  # string[]: the instrumentations whose spans told of the call
DRAW_SOURCE: Final = "spantape.draw.source"  # str, on kind "draw": what was read ("clock", "uuid", "random")
DRAW_VALUE: Final = "spantape.draw.value"  # JSON text: the value that was read

TEXTS: Final = frozenset(
    {
        URL_FULL,
        ERROR_MESSAGE,
        DIALECT,
        REQUEST_HEADERS,
        REQUEST_DIGEST,
        BASE_DIGEST,
        RESPONSE_HEADERS,
        RESPONSE_DIGEST,
        RESPONSE_CHUNKS,
        ARGUMENTS,
        RESULT,
        RESULT_LOSSY,
        CALLABLE,
    }
)
"""Text that is bytes (UTF-8) on spans of an SDK whose limits would cut it: bytes are never cut."""

REQUEST_PARTS: Final = frozenset(
    {
        HTTP_METHOD,
        URL_FULL,
        REQUEST_HEADERS,
        REQUEST_BODY,
        REQUEST_ENCODING,
        REQUEST_DIGEST,
        REQUEST_SIZE,
        BASE_DIGEST,
        BASE_PREFIX,
        BASE_SUFFIX,
    }
)
RESPONSE_PARTS: Final = frozenset(
    {
        HTTP_STATUS,
        RESPONSE_HEADERS,
        RESPONSE_BODY,
        RESPONSE_ENCODING,
        RESPONSE_DIGEST,
        RESPONSE_SIZE,
        RESPONSE_CHUNKS,
        END,
        ERROR_TYPE,
        ERROR_MESSAGE,
    }
)
REPLAY: Final = frozenset(
    {
        *TEXTS,
        *REQUEST_PARTS,
        *RESPONSE_PARTS,
        FORMAT,
        KIND,
        RUN_ID,
        RUN_NAME,
        STEP,
        REPLAYED,
        CONTENT,
        RESULT_TYPE,
        AGENT_NAME,
        TOOL_NAME,
    }
)
"""What a replay needs of a span, where it is there at all."""

SCOPE: Final = "spantape"  # instrumentation scope of every span that we start
