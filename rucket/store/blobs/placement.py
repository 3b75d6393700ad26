"""Which device gets the next blob. Pure.

A device is chosen at random, with a chance of its weight times its free bytes: devices of one
weight become full together, whatever their sizes, and no process has to know what others choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.ports.random import Random

ROOM_MARGIN_BYTES: Final = 2 * 1024 * 1024
"""What has to be free besides a blob: its checks, directories, and what others write meanwhile."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A device that may take a blob.

    Attributes:
        weight: greater than 0.
    """

    number: int
    weight: float
    free_bytes: int


def choose_device(
    candidates: Sequence[Candidate], size_bytes_expected: int | None, random: Random
) -> Candidate:
    """One of `candidates`, of which there is at least one.

    Devices without room for the blob are left out; if that leaves none, the one with the most room
    is asked, so that the device itself has the last word.
    """
    needed = (size_bytes_expected or 0) + ROOM_MARGIN_BYTES
    roomy = [candidate for candidate in candidates if candidate.free_bytes >= needed]
    if len(roomy) == 1:
        return roomy[0]
    if not roomy:
        return max(candidates, key=lambda candidate: candidate.free_bytes)
    shares = [candidate.weight * candidate.free_bytes for candidate in roomy]
    point = random.uniform(0.0, sum(shares))
    for candidate, share in zip(roomy, shares, strict=True):
        point -= share
        if point < 0:
            return candidate
    return roomy[-1]
