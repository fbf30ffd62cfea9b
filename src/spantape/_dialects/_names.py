"""The attribute names that dialects write, spelled once, after the OpenTelemetry GenAI conventions."""

from __future__ import annotations

from typing import Final

CONVERSATION: Final = "gen_ai.conversation.id"
COMPACTED: Final = "gen_ai.conversation.compacted"
OUTPUT_TYPE: Final = "gen_ai.output.type"
PROMPT_NAME: Final = "gen_ai.prompt.name"
PROMPT_VERSION: Final = "gen_ai.prompt.version"

CHOICE_COUNT: Final = "gen_ai.request.choice.count"
ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
MAX_TOKENS: Final = "gen_ai.request.max_tokens"
PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
PREVIOUS_RESPONSE: Final = "gen_ai.request.previous_response.id"
REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
SEED: Final = "gen_ai.request.seed"
STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
STREAM: Final = "gen_ai.request.stream"
STREAM_CURSOR: Final = "gen_ai.request.stream_cursor"
TEMPERATURE: Final = "gen_ai.request.temperature"
TOP_K: Final = "gen_ai.request.top_k"
TOP_P: Final = "gen_ai.request.top_p"

DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_STATUS: Final = "gen_ai.response.status"

INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
TEXT_INPUT_TOKENS: Final = "gen_ai.usage.text.input_tokens"
TEXT_OUTPUT_TOKENS: Final = "gen_ai.usage.text.output_tokens"
IMAGE_INPUT_TOKENS: Final = "gen_ai.usage.image.input_tokens"
IMAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.image.output_tokens"
AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"

OPENAI_API_TYPE: Final = "openai.api.type"
OPENAI_REQUEST_TIER: Final = "openai.request.service_tier"
OPENAI_RESPONSE_TIER: Final = "openai.response.service_tier"
OPENAI_FINGERPRINT: Final = "openai.response.system_fingerprint"
