"""A recorded answer on its way back into the program, the same for every library."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from spantape._framing.whole import is_whole
from spantape._model import Failure, Headers, Response, header
from spantape.errors import Miss, NotReplayable
from spantape.tape.model import ExchangeStep


class Served:
    """One recorded answer, handed out in the chunks in which it came.

    `pause` is called before each chunk with the nanoseconds since the chunk before; `missed` is told of a Miss.
    """

    def __init__(
        self,
        step: ExchangeStep,
        path: str | None,
        *,
        response: Response | None,
        pause: Callable[[int], None] | None = None,
        missed: Callable[[Miss], None] | None = None,
    ) -> None:
        self.step = step
        self.response = response
        self.error: Failure | None = step.error
        self._path = path
        self._pause = pause
        self._missed = missed

    def headers(self) -> Headers:
        """The recorded headers, without those that described the bytes on the wire."""
        response = self.response
        if response is None:
            return ()
        kept = [pair for pair in response.headers if pair[0] not in ("transfer-encoding", "connection")]
        length = header(response.headers, "content-length")
        if length is not None and length != str(len(response.body)):
            kept = [pair for pair in kept if pair[0] != "content-length"]
        return tuple(kept)

    def chunks(self) -> Iterator[bytes]:
        """The body piece by piece.

        Raises:
            Miss: the program reads on where the recorded one had left.
        """
        response = self.response
        if response is None:
            return
        at = 0
        before = 0
        for index, length in enumerate(response.chunks or (len(response.body),)):
            if self._pause is not None and response.chunk_times_ns:
                self._pause(response.chunk_times_ns[index] - before)
                before = response.chunk_times_ns[index]
            if length:
                yield response.body[at : at + length]
            at += length
        if self.step.end in ("closed", "abandoned") and not is_whole(response.headers, response.body):
            raise self._read_on(response)

    def broke(self) -> Failure | None:
        """The error that ended the recorded body, None where it was whole."""
        return self.error if self.step.end == "error" else None

    def _read_on(self, response: Response) -> Miss:
        count = len(response.chunks) or (1 if response.body else 0)
        miss = Miss(
            f"tape {self._path!r}, step {self.step.index}: the program reads on, but the recorded one left this "
            f"response after {count} chunks ({len(response.body)} bytes), so what follows was never recorded. "
            "Record again with a program that reads the whole response.",
            path=self._path,
        )
        if self._missed is not None:
            self._missed(miss)
        return miss

    def nothing(self) -> NotReplayable:
        """The error for a step that holds neither a response nor an exception."""
        return NotReplayable(
            "the recorded call was cancelled before it was answered; there is nothing to give back",
            path=self._path,
            step=self.step.index,
            field="response",
        )
