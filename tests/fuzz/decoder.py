"""What a fuzzer knows of a decoder."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CORPUS_DIRECTORY = Path(__file__).parent / "corpus"
TIME_S_MAX = 2.0
"""For one input; far more than any needs, since the machine may be busy."""

_MEMORY_BYTES_BASE = 2 * 1024 * 1024
_MEMORY_BYTES_PER_BYTE = 400


class TakesTooMuchError(AssertionError):
    """Decoding took more time or memory than an input of its size may cost."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """A decoder under test.

    Attributes:
        name: also that of its directory in the corpus.
        check: decodes an input. It raises AssertionError where what was decoded doesn't come back
            after being encoded again, and nothing where the input is refused as documented; all
            else is a bug of the decoder.
        seeds: valid inputs.
    """

    name: str
    check: Callable[[bytes], None]
    seeds: tuple[bytes, ...]

    def corpus(self) -> list[bytes]:
        """The kept inputs: what once was a bug, or nearly."""
        directory = CORPUS_DIRECTORY / self.name
        return [path.read_bytes() for path in sorted(directory.glob("*"))]

    def run(self, data: bytes) -> None:
        """Checks one input, and what it costs.

        Raises:
            TakesTooMuchError: more than it may.
        """
        tracemalloc.start()
        started_s = time.process_time()
        try:
            self.check(data)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        taken_s = time.process_time() - started_s
        if taken_s > TIME_S_MAX:
            raise TakesTooMuchError(f"{taken_s:.1f} s for {len(data)} bytes")
        if peak_bytes > _MEMORY_BYTES_BASE + _MEMORY_BYTES_PER_BYTE * len(data):
            raise TakesTooMuchError(f"{peak_bytes} bytes of memory for {len(data)} bytes")


def encoded(texts: Sequence[str]) -> tuple[bytes, ...]:
    """Seeds that are text."""
    return tuple(text.encode() for text in texts)
