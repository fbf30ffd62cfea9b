from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from replay_steps import exchange, requests_of, tape
from spantape.errors import Miss
from spantape.player.player import Player

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside the project"),
]


def recordings():
    for path in sorted(CORPUS.glob("*/*.jsonl")):
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        if lines and "url" in lines[0]:
            yield path, [step(index, line) for index, line in enumerate(lines)]


def step(index, line):
    coded = line.get("request_body_b64")
    body = base64.b64decode(coded) if coded else (line.get("request_body") or "").encode()
    headers = tuple((line.get("request_headers") or {}).items())
    return exchange(
        index, body, method=line["method"], url=line["url"], headers=headers, status=line["status"]
    )


def test_every_recording_answers_its_own_requests_and_leaves_nothing():
    count = 0
    for path, steps in recordings():
        player = Player(tape(*steps, path=str(path)), retries="replay")
        found = Counter(player.answer(request).index for request in requests_of(steps))
        assert found == Counter(range(len(steps)))
        player.close()
        count += len(steps)
    assert count > 0


def respelled(request):
    """The request with its JSON written in another way, or as it is where it is not the JSON of one meaning."""
    try:
        value = json.loads(request.body)
    except ValueError:
        return request
    text = json.dumps(value, indent=3, sort_keys=True, ensure_ascii=b"\\u" not in request.body)
    return replace(request, body=text.encode("utf-8", "surrogatepass"))


def test_every_recording_answers_its_requests_in_another_spelling():
    for path, steps in recordings():
        player = Player(tape(*steps, path=str(path)), retries="replay")
        for request in requests_of(steps):
            player.answer(respelled(request))
        player.close()
        assert (player.receipt().answered, player.receipt().unused) == (len(steps), 0), path


def test_every_request_with_something_added_is_a_miss_that_names_it():
    for path, steps in recordings():
        for request in {r.body: r for r in requests_of(steps)}.values():
            value = respelled(request).body
            if not value.startswith(b"{\n"):
                continue
            changed = replace(request, body=value.replace(b"{\n", b'{\n"spantape_added": 1,\n', 1))
            with pytest.raises(Miss, match="    spantape_added: not recorded, got 1\n"):
                Player(tape(*steps, path=str(path))).answer(changed)
