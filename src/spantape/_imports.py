"""Importing without paying for a garbage collection on the way."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Import within: no collection runs meanwhile.

    What an import makes lives as long as the program, so a collection finds nothing, and over the heap of a program
    that has loaded a few SDKs it takes several times as long as all our imports together.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.collect(
                0
            )  # what was made meanwhile grows old here, so that it does not set off a full collection
            gc.enable()
