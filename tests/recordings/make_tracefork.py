"""Makes the tracefork recordings that `test_tape_foreign_tracefork.py` reads, with tracefork itself.

It needs an environment with tracefork 1.0 (which wants an older anthropic than ours), and the base URL of a server that
answers three Anthropic requests: `make_tracefork.py http://127.0.0.1:PORT`. Ours was
`ModelServer([text("Sunny, “21 °C”."), text("Still sunny."), error(429, "slow down")])`.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from pathlib import Path

import anthropic
from tracefork.nondet import RecordingNondet
from tracefork.recorder import Recorder
from tracefork.store import TapeStore
from tracefork.tape import Tape

HERE = Path(__file__).parent / "tracefork_1_0"


def agent(client: anthropic.Anthropic) -> None:
    said = [{"role": "user", "content": "Is it “sunny” in Zürich?"}]
    client.messages.create(model="claude", max_tokens=64, messages=said)
    with client.messages.stream(model="claude", max_tokens=64, messages=[*said, *said]) as stream:
        stream.until_done()
    with contextlib.suppress(anthropic.RateLimitError):
        client.messages.create(model="claude", max_tokens=8, messages=said[:1])


def recorded(url: str) -> Tape:
    client = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)
    with Recorder(client, agent_name="weather-agent") as recorder:
        nondet: RecordingNondet = recorder._nondet  # where tracefork hands its draws to an agent
        nondet.now_iso()
        nondet.new_uuid_hex()
        nondet.random_float()
        nondet.get_env("SPANTAPE_TEST_COLON", "a:b\nX:c:d")
        agent(recorder.client)
    tape = recorder.tape
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "lookup", "arguments": {"city": "Zürich"}},
    }
    tape.append_tool_exchange(
        json.dumps(call).encode(),
        b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"21"}]}}',
    )
    tape.append_tool_exchange(
        b'{"jsonrpc":"2.0","id":2,"method":"tools/list"}',
        b'{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"no such method"}}',
    )
    return tape


def main(url: str) -> None:
    HERE.mkdir(exist_ok=True)
    for old in HERE.iterdir():
        old.unlink()
    tape = recorded(url)
    tape.save(str(HERE / "run.tape.sqlite"))
    (HERE / "run.blob").write_bytes(tape.to_bytes())
    store = TapeStore(str(HERE / "store.db"))
    store.save_tape(tape, run_id="first/run", created_at="2026-01-01T00:00:00+00:00")
    short = Tape(agent_name="other", exchanges=tape.exchanges[:1], draws=tape.draws[:1])
    store.save_tape(short, run_id="second", created_at="2026-01-02T00:00:00+00:00")
    store.close()
    digests = {"run": tape.digest(), "second": short.digest()}
    (HERE / "digests.json").write_text(json.dumps(digests, indent=1) + "\n")
    for name in ("run.tape.sqlite", "store.db"):
        with contextlib.closing(sqlite3.connect(HERE / name, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode=DELETE")
            database.execute("PRAGMA page_size=512")
            database.execute("VACUUM")


if __name__ == "__main__":
    main(sys.argv[1])
