"""Which bytes are turned over: seeded, with every byte of what is small or dense."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Flip = tuple[int, int]
"""An offset, and which bits of its byte change."""


def flips(offsets: Iterable[int], seed: int) -> Iterator[Flip]:
    """One bit of each byte, or all kinds of bits."""
    generator = random.Random(seed)
    for offset in offsets:
        single_bit = generator.random() < 0.75
        yield offset, 1 << generator.randrange(8) if single_bit else generator.randrange(1, 256)


def some_of(start: int, stop: int, count: int, seed: int) -> list[int]:
    """`count` offsets, in order (all of them, if there are no more)."""
    everything = range(start, stop)
    if count >= len(everything):
        return list(everything)
    return sorted(random.Random(seed).sample(everything, count))
