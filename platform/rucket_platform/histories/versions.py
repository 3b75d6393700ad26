"""Versions of keys: each keeps what was written, and their order is the order of the writes.

For buckets that keep versions, where deletes hide keys and take no version away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class VersionWrite:
    """An acknowledged write, and the version that it made."""

    key: str
    version_id: str
    write_id: str
    started_s: float
    ended_s: float


@dataclass(frozen=True, slots=True)
class VersionRead:
    """A version that was read.

    Attributes:
        write_id: Whose body it showed; None if there was no such version.
        was_named: Whether it was asked for by its id; else it was shown as the newest.
    """

    client: str
    key: str
    version_id: str
    write_id: str | None
    started_s: float
    ended_s: float
    was_named: bool


@dataclass(slots=True)
class Versions:
    """What was seen of versions.

    Attributes:
        listed: At the end, the ids of each key's versions, the newest first; delete markers
            aren't versions.
    """

    writes: list[VersionWrite] = field(default_factory=list)
    reads: list[VersionRead] = field(default_factory=list)
    listed: dict[str, list[str]] = field(default_factory=dict)


def version_problems(versions: Versions) -> list[str]:
    """What is wrong, a line each."""
    problems = [
        *(
            f"the write {write.write_id} of {write.key} was given no version id"
            for write in versions.writes
            if not write.version_id
        ),
        *_changed(versions),
    ]
    for key in sorted({write.key for write in versions.writes} | set(versions.listed)):
        listed = versions.listed.get(key, [])
        place = {version_id: number for number, version_id in enumerate(listed)}
        if len(place) < len(listed):
            problems.append(f"{key} is listed with the same version twice")
        writes = [write for write in versions.writes if write.key == key and write.version_id]
        problems += [
            f"version {write.version_id} of {key} ({write.write_id}) was acknowledged, "
            "but isn't listed"
            for write in writes
            if write.version_id not in place
        ]
        known = sorted(
            (write for write in writes if write.version_id in place),
            key=lambda write: place[write.version_id],
        )
        problems += _out_of_order(known)
        reads = [
            (read, place[read.version_id])
            for read in versions.reads
            if read.key == key and not read.was_named and read.version_id in place
        ]
        problems += _gone_back(reads)
    return problems


def _changed(versions: Versions) -> Iterator[str]:
    """Versions that show something else than what was written, or nothing."""
    written = {(write.key, write.version_id): write.write_id for write in versions.writes}
    for read in versions.reads:
        # What a write without an answer has made is known from whoever reads it first.
        expected = written.setdefault((read.key, read.version_id), read.write_id or "")
        if read.write_id is None:
            yield f"{read.client} finds no version {read.version_id} of {read.key} ({expected})"
        elif read.write_id != expected:
            yield (
                f"{read.client} reads {read.write_id} in version {read.version_id} of {read.key}, "
                f"which is of {expected}"
            )


def _out_of_order(writes: Sequence[VersionWrite]) -> Iterator[str]:
    """Writes, as they are listed, of which one had ended before an allegedly older one began."""
    newer: VersionWrite | None = None
    for write in writes:
        if newer is not None and newer.ended_s < write.started_s:
            yield (
                f"{write.key} lists {newer.write_id} as newer than {write.write_id}, "
                f"which was begun {write.started_s - newer.ended_s:.3f} s after it had ended"
            )
        if newer is None or write.ended_s < newer.ended_s:
            newer = write


def _gone_back(reads: Sequence[tuple[VersionRead, int]]) -> Iterator[str]:
    """Reads that show an older version than a read that had ended before they began."""
    by_end = sorted(reads, key=lambda item: item[0].ended_s)
    newest: float = math.inf
    ended = 0
    for read, place in sorted(reads, key=lambda item: item[0].started_s):
        while ended < len(by_end) and by_end[ended][0].ended_s < read.started_s:
            newest = min(newest, by_end[ended][1])
            ended += 1
        if place > newest:
            yield (
                f"{read.client} reads version {read.version_id} of {read.key} at "
                f"{read.started_s:.3f} s, {place - newest:.0f} older than one read before"
            )
