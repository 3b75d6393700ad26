"""What the scrubber finds, and what one of its steps comes to."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rucket.model.names import BlobId
    from rucket.model.scrub_cursor import ScrubCursor


@enum.unique
class FindingKind(enum.StrEnum):
    """What is wrong. The words are labels of a metric."""

    ROW = "row"
    """A row whose check doesn't fit, or that doesn't decode."""
    INDEX = "index"
    """A part of a table that can't be read at all."""
    REFERENCE = "reference"
    """Rows that don't fit to one another."""
    COUNTER = "counter"
    """A bucket whose counters aren't what is in it."""
    BLOB_CORRUPT = "blob_corrupt"
    """A blob that isn't what was written."""
    BLOB_MISSING = "blob_missing"
    """A blob that is named and not there."""
    BLOB_UNREADABLE = "blob_unreadable"
    """A blob that the device refuses to read, or of a newer format."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something damaged.

    Attributes:
        what: the table, bucket or blob.
        blob_id: of a blob that can't be served.
    """

    kind: FindingKind
    what: str
    detail: str
    blob_id: BlobId | None = None


@dataclass(slots=True)
class Portion:
    """What one step has done.

    Attributes:
        cursor: where the next one begins.
        cost_bytes: what it counts for in the rate limit.
        row_count, blob_count, size_bytes: rows, whole blobs and bytes of blobs verified.
    """

    cursor: ScrubCursor
    cost_bytes: int = 0
    row_count: int = 0
    blob_count: int = 0
    size_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)
