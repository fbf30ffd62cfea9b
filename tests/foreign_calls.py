"""The calls that other instrumentations were recorded with, and are replayed with: each a function from a client."""

from __future__ import annotations

import json

from spantape.testing import Usage, embedding, error, reasoning, refusal, text, tool_call

MODEL = "gpt-4o-mini"
CLAUDE = "claude-sonnet-4-5"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

WEATHER = {
    "name": "weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CHAT_TOOLS = [{"type": "function", "function": WEATHER}]
FLAT_TOOLS = [{"type": "function", **WEATHER, "strict": False}]
CLAUDE_TOOLS = [
    {"name": "weather", "description": WEATHER["description"], "input_schema": WEATHER["parameters"]}
]

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say “hello” in Norwegian."}]
ARGUMENTS = {"city": "Tromsø"}


# --- openai ----------------------------------------------------------------------------------------------------------


def chat(client):
    return client.chat.completions.create(model=MODEL, messages=[dict(m) for m in ASKED], temperature=0.5)


def chat_streamed(client):
    options = {"include_usage": True}
    chunks = client.chat.completions.create(
        model=MODEL, messages=[dict(m) for m in ASKED], stream=True, stream_options=options
    )
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def chat_tools(client):
    """Two turns: a call of a tool, then what is said of its result."""
    history = [{"role": "user", "content": "Is it raining in Tromsø?"}]
    first = client.chat.completions.create(model=MODEL, messages=[dict(m) for m in history], tools=CHAT_TOOLS)
    call = first.choices[0].message.tool_calls[0]
    asked = {"name": call.function.name, "arguments": call.function.arguments}
    history.append(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": call.id, "type": "function", "function": asked}],
        }
    )
    history.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps({"rain": True, "mm": 3})})
    second = client.chat.completions.create(
        model=MODEL, messages=[dict(m) for m in history], tools=CHAT_TOOLS
    )
    return first, second


def chat_choices(client):
    return client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Toss a coin."}], n=2
    )


def chat_refused(client):
    return client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Forge a stamp."}]
    )


def chat_image(client):
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    content = [{"type": "text", "text": "What colour is this?"}, image]
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])


def chat_failed(client):
    return client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Too much, too soon."}]
    )


def responses(client):
    return client.responses.create(model=MODEL, instructions="Be brief.", input="Say hello in Danish.")


def responses_tools(client):
    """Two turns of the responses API, with reasoning."""
    history = [{"role": "user", "content": "Is it raining in Bodø?"}]
    first = client.responses.create(
        model=MODEL, instructions="Look it up.", input=list(history), tools=FLAT_TOOLS
    )
    call = next(item for item in first.output if item.type == "function_call")
    history.append(
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
    )
    history.append({"type": "function_call_output", "call_id": call.call_id, "output": "no rain"})
    second = client.responses.create(
        model=MODEL, instructions="Look it up.", input=list(history), tools=FLAT_TOOLS
    )
    return first, second


def responses_streamed(client):
    events = client.responses.create(model=MODEL, input="Say hello in Sami.", stream=True)
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def embeddings(client):
    return client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])


# --- anthropic -------------------------------------------------------------------------------------------------------


def messages(client):
    asked = [{"role": "user", "content": "Say hello in Finnish."}]
    return client.messages.create(model=CLAUDE, max_tokens=99, system="Be brief.", messages=asked)


def messages_streamed(client):
    asked = [{"role": "user", "content": "Say hello in Estonian."}]
    with client.messages.stream(model=CLAUDE, max_tokens=99, messages=asked) as stream:
        return "".join(stream.text_stream)


def messages_events(client):
    asked = [{"role": "user", "content": "Say hello in Latvian."}]
    events = client.messages.create(model=CLAUDE, max_tokens=99, messages=asked, stream=True)
    return "".join(e.delta.text for e in events if e.type == "content_block_delta")


def messages_tools(client):
    """Two turns, with thinking before the call."""
    settings = {"model": CLAUDE, "max_tokens": 2048, "tools": CLAUDE_TOOLS, "system": "Look it up."}
    history = [{"role": "user", "content": "Is it raining in Alta?"}]
    first = client.messages.create(messages=[dict(m) for m in history], **settings)
    call = next(block for block in first.content if block.type == "tool_use")
    said = [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}]
    history.append({"role": "assistant", "content": said})
    result = {
        "type": "tool_result",
        "tool_use_id": call.id,
        "content": [{"type": "text", "text": "Rain, 4 mm"}],
    }
    history.append({"role": "user", "content": [result]})
    second = client.messages.create(messages=[dict(m) for m in history], **settings)
    return first, second


def messages_image(client):
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What colour is this?"}]
    return client.messages.create(
        model=CLAUDE, max_tokens=99, messages=[{"role": "user", "content": content}]
    )


def messages_failed(client):
    asked = [{"role": "user", "content": "Too much, too soon."}]
    return client.messages.create(model=CLAUDE, max_tokens=99, messages=asked)


USAGE = Usage(input=31, output=7, cached=4)

OPENAI = {
    "chat": (chat, [text("Hei, verden!").but(usage=USAGE)]),
    "chat_streamed": (chat_streamed, [text("Hei på deg, verden!")]),
    "chat_tools": (chat_tools, [tool_call("weather", ARGUMENTS, id="call_1"), text("It rains: 3 mm.")]),
    "chat_choices": (chat_choices, [text("Heads.")]),
    "chat_refused": (chat_refused, [refusal("I cannot help with that.")]),
    "chat_image": (chat_image, [text("Some colour.")]),
    "chat_failed": (chat_failed, [error(429, message="Slow down.")]),
    "responses": (responses, [text("Hej!")]),
    "responses_tools": (
        responses_tools,
        [
            reasoning("Where is Bodø?") + tool_call("weather", {"city": "Bodø"}, id="call_2"),
            text("No rain."),
        ],
    ),
    "responses_streamed": (responses_streamed, [text("Bures, máilbmi!")]),
    "embeddings": (embeddings, [embedding([0.25, 0.5], [0.75, 1.0])]),
}
ANTHROPIC = {
    "messages": (messages, [text("Hei, maailma!").but(usage=USAGE)]),
    "messages_streamed": (messages_streamed, [text("Tere, maailm!")]),
    "messages_events": (messages_events, [text("Sveika, pasaule!")]),
    "messages_tools": (
        messages_tools,
        [
            reasoning("Where is Alta?") + tool_call("weather", {"city": "Alta"}, id="toolu_1"),
            text("It rains."),
        ],
    ),
    "messages_image": (messages_image, [text("Some colour.")]),
    "messages_failed": (messages_failed, [error(429, message="Slow down.")]),
}
