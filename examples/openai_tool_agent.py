"""A tool-using agent on the openai SDK: recorded once, then replayed with the server gone."""

import json
import tempfile
from pathlib import Path

import openai

import spantape
from spantape.testing import ModelServer, text, tool_call

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "stock",
            "description": "How many of an article are in stock",
            "parameters": {
                "type": "object",
                "properties": {"article": {"type": "string"}},
                "required": ["article"],
            },
        },
    }
]


@spantape.tool
def stock(article: str) -> int:
    """How many of an article are in stock."""
    print(
        f"  (looking into the warehouse for {article})"
    )  # not printed on replay: the recorded result comes back
    return {"bicycle bell": 12}.get(article, 0)


@spantape.agent
def shop_assistant(client: openai.OpenAI, question: str) -> str:
    messages = [{"role": "user", "content": question}]
    while True:
        answer = client.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)
        message = answer.choices[0].message
        if not message.tool_calls:
            return message.content
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            result = stock(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": str(result)})


def main() -> None:
    tape = Path(tempfile.mkdtemp()) / "assistant.tape"
    question = "Do you have bicycle bells?"
    # stands for the provider, so that this runs anywhere; leave out base_url and api_key to ask the real one
    script = [tool_call("stock", {"article": "bicycle bell"}), text("Yes, twelve of them.")]
    with ModelServer(script) as server:
        client = openai.OpenAI(base_url=server.base_url("openai"), api_key="none")
        with spantape.record(tape):
            print("live:  ", shop_assistant(client, question))

    with spantape.replay(tape) as session:  # the server is gone
        print("replay:", shop_assistant(client, question))
    receipt = session.receipt()
    print(f"{receipt.answered} of {receipt.steps} steps answered, {receipt.bytes_served:,} bytes served")


if __name__ == "__main__":
    main()
