"""The agent under test. It knows nothing of tapes; where its model is comes from the environment."""

import json
import os

import openai

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "population",
            "description": "The number of people in a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]


def population(city: str) -> int:
    return {"Reykjavik": 140_000, "Nuuk": 20_000}[city]


def ask(question: str) -> str:
    client = openai.OpenAI(
        base_url=os.environ.get("OPENAI_BASE_URL"), api_key=os.environ.get("OPENAI_API_KEY", "none")
    )
    messages = [{"role": "user", "content": question}]
    while True:
        answer = client.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)
        message = answer.choices[0].message
        if not message.tool_calls:
            return message.content
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            found = population(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": str(found)})
