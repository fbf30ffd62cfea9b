from __future__ import annotations

import pytest

from spantape._framing.whole import is_whole

SSE = (("content-type", "text/event-stream"),)


@pytest.mark.parametrize(
    "body",
    [
        b"data: {}\n\ndata: [DONE]\n\n",
        b"data: {}\n\ndata:[DONE]",
        b"data: {}\r\n\r\ndata: [DONE]\r\n",
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
        b'event: response.completed\ndata: {"type": "response.completed", "response": {}}\n\n',
        b'data: {"type":"response.failed"}\nevent: response.failed\n\n'.replace(
            b"event: response.failed\n", b""
        ),
    ],
)
def test_a_stream_that_ends_in_its_last_event_is_whole(body):
    assert is_whole(SSE, body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"one",
        b"data: {}\n\n",
        b'data: {"text": "data: [DONE]"}\n\n',
        b'data: {"type":"message_stop"',
        b'data: {"type":"message_stop"}',
        b'data: {"type":"message_stop"}\n\ndata: {"more": 1}\n\n',
    ],
)
def test_a_stream_that_stops_before_is_not(body):
    assert not is_whole(SSE, body)


def test_a_content_length_decides():
    assert is_whole((("content-length", "3"),), b"abc")
    assert not is_whole((("content-length", "4"),), b"abc")
