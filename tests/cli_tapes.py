"""Tapes for the tests of the command line, and the command line itself as a function."""

import json
from dataclasses import dataclass

import openai

import spantape
from spantape import cli
from spantape.testing import ModelServer, text


@dataclass
class Ran:
    code: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)


def make_runner(capsys):
    def spantape_command(*arguments):
        code = cli.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return spantape_command


@spantape.tool
def lookup(city: str) -> dict[str, float]:
    """Degrees in a city."""
    if city == "Atlantis":
        raise LookupError("no such city")
    return {"celsius": 4.5}


@spantape.agent(name="guide")
def guide(client, question: str) -> str:
    lookup("Oslo")
    answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": question}])
    return answer.choices[0].message.content


def record_guide(path, question="Weather?", answer="Sunny, 21 °C."):
    """A tape with an agent, and below it a tool and a model request."""
    with ModelServer([text(answer)]) as server, openai_client(server) as client, spantape.record(path):
        guide(client, question)
    return path


def openai_client(server):
    return openai.OpenAI(base_url=server.base_url("openai"), api_key="none", max_retries=0)


def line(**changes):
    """One exchange as an imported line."""
    exchange = {
        "method": "POST",
        "url": "https://api.example.com/v1/chat/completions",
        "request_headers": {"content-type": "application/json"},
        "request_body": '{"model":"m","messages":[{"role":"user","content":"hi"}]}',
        "status": 200,
        "response_headers": {"content-type": "application/json"},
        "response_body": '{"id":"1"}',
    }
    return exchange | changes


def write_lines(path, *exchanges):
    path.write_text("".join(json.dumps(each) + "\n" for each in exchanges))
    return path
