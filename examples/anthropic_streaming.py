"""A streamed answer of the anthropic SDK: it arrives piece by piece, live and on replay in the same pieces."""

import tempfile
from pathlib import Path

import anthropic

import spantape
from spantape.testing import ModelServer, text

PROMPT = "Write a haiku about tape recorders."
HAIKU = ["Two reels ", "turn as one — ", "what was said ", "is said again, ", "no wire to the world."]


def stream_haiku(client: anthropic.Anthropic) -> list[str]:
    """The pieces of text, as they arrive."""
    messages = [{"role": "user", "content": PROMPT}]
    with client.messages.stream(model="claude-sonnet-5", max_tokens=100, messages=messages) as stream:
        return list(stream.text_stream)


def main() -> None:
    tape = Path(tempfile.mkdtemp()) / "haiku.tape"
    with ModelServer([text(HAIKU)]) as server:  # stands for the provider
        client = anthropic.Anthropic(base_url=server.base_url("anthropic"), api_key="none")
        with spantape.record(tape):
            live = stream_haiku(client)

    with spantape.replay(tape):  # the server is gone
        replayed = stream_haiku(client)

    print(" | ".join(replayed))
    print(f"{len(replayed)} pieces, the same as live: {replayed == live}")


if __name__ == "__main__":
    main()
