"""How far the scrubber has come."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@enum.unique
class ScrubStage(enum.StrEnum):
    """What a cycle is busy with. The words are on disk."""

    ROWS = "rows"
    BLOBS = "blobs"
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class ScrubCursor:
    """Where a cycle goes on.

    Attributes:
        cycle_started_ms: milliseconds since the Unix epoch.
        table: the number of the table whose rows are being verified.
        position: the least key of a row, or id of a blob, that hasn't been verified.
        offset_bytes: how much of the blob at `position` has been.
        error_count: what this cycle has found.
        last_completed_ms: when the last complete cycle ended; 0 if none has.
    """

    cycle_started_ms: int
    stage: ScrubStage = ScrubStage.ROWS
    table: int = 0
    position: bytes = b""
    offset_bytes: int = 0
    error_count: int = 0
    last_completed_ms: int = 0
