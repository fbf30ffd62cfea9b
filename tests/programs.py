"""Small programs run in processes of their own: what OTEL_* variables and entry points do is done at their start."""

from __future__ import annotations

import os
import subprocess
import sys

CHAT = """
import os, sys, openai
def connect():
    return openai.OpenAI(base_url=os.environ["MODEL_URL"], api_key="none", max_retries=0)
client = connect()
def chat(text="Hello?"):
    answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content
"""


def run(tmp_path, code, url, *, before=(), **variables):
    """The finished process of a program in `tmp_path`; `before` goes between the interpreter and its file."""
    program = tmp_path / "app.py"
    program.write_text(code)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "SPANTAPE_"))}
    return subprocess.run(
        [sys.executable, *before, str(program)],
        cwd=tmp_path,
        env=kept | {"MODEL_URL": url} | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def said(process):
    """What the program printed; it must have ended well, and nothing gone wrong on the way."""
    assert process.returncode == 0, process.stderr[-2000:]
    assert "Traceback" not in process.stderr, process.stderr[-3000:]
    return process.stdout


def tapes(tmp_path, folder="tapes"):
    return sorted((tmp_path / folder).glob("*.tape"))
