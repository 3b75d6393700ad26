"""Verifying the rows of the index, a bounded number at a time. Blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rucket.model.errors import CorruptionError, CorruptRowError, OperatingError, UnknownFormatError
from rucket.model.names import BlobId
from rucket.model.records import BucketStatistics
from rucket.model.scrub_cursor import ScrubCursor, ScrubStage
from rucket.ports.index import Table
from rucket.service.scrub_findings import Finding, FindingKind, Portion
from rucket.state.recount import recount_bucket
from rucket.state.row_contents import extents_of, read_whole_row, row_problems
from rucket.state.row_scan import read_rows

if TYPE_CHECKING:
    from rucket.model.records import Extent
    from rucket.ports.blobs import Blobs
    from rucket.ports.index import IndexReader, Snapshot

ROWS_PER_STEP: Final = 200
ROW_COST_BYTES: Final = 8 * 1024
OPEN_COST_BYTES: Final = 64 * 1024
RECOUNTED_ROWS_MAX: Final = 500_000
"""Buckets with more objects are counted again by `rucket verify` alone: it would take a snapshot
longer than readers may hold one."""


def scrub_rows(index: IndexReader, blobs: Blobs, cursor: ScrubCursor) -> Portion:
    """Verifies some rows from the cursor on."""
    table = Table(cursor.table) if cursor.table in set(Table) else min(Table)
    step = _RowsStep(table, Portion(cursor))
    with index.snapshot() as snapshot:
        read = read_rows(snapshot, table, cursor.position, None, ROWS_PER_STEP)
        for key, value in read.rows:
            step.verify(snapshot, key, value)
        if read.damage is not None:
            is_row = isinstance(read.damage, CorruptRowError)
            kind = FindingKind.ROW if is_row else FindingKind.INDEX
            step.found(kind, str(read.damage))
    for extent in step.extents:
        step.verify_room(blobs, extent)
    portion = step.portion
    portion.row_count = len(read.rows)
    portion.cost_bytes += len(read.rows) * ROW_COST_BYTES
    if read.position is not None:
        portion.cursor = replace(cursor, table=table, position=read.position)
    elif table == max(Table):
        portion.cursor = replace(cursor, stage=ScrubStage.BLOBS, table=0, position=b"")
    else:
        following = min(other for other in Table if other > table)
        portion.cursor = replace(cursor, table=following, position=b"")
    return portion


class _RowsStep:
    """Some rows of one table."""

    def __init__(self, table: Table, portion: Portion) -> None:
        self._table = table
        self.portion = portion
        self.extents: list[Extent] = []

    def found(self, kind: FindingKind, detail: str, blob_id: BlobId | None = None) -> None:
        what = self._table.name if blob_id is None else blob_id.hex()
        self.portion.findings.append(Finding(kind, what, detail, blob_id))

    def verify(self, snapshot: Snapshot, key: bytes, value: bytes) -> None:
        """Verifies one row, within its snapshot."""
        try:
            row = read_whole_row(snapshot, self._table, key, value)
        except (CorruptionError, UnknownFormatError) as error:
            self.found(FindingKind.ROW, str(error))
            return
        self.extents.extend(extents_of(row))
        try:
            for problem in row_problems(snapshot, self._table, row):
                self.found(FindingKind.REFERENCE, f"the row with key {key!r}: {problem}")
            if isinstance(row.value, BucketStatistics):
                self._recount(snapshot, int(row.key["bucket_id"]), row.value)
        except (CorruptionError, UnknownFormatError):
            return  # another row is damaged: it is found where it stands

    def _recount(self, snapshot: Snapshot, bucket_id: int, counted: BucketStatistics) -> None:
        if counted.object_count + counted.upload_count > RECOUNTED_ROWS_MAX:
            return
        there = recount_bucket(snapshot, bucket_id)
        self.portion.cost_bytes += (there.object_count + there.upload_count) * ROW_COST_BYTES // 8
        if there != counted:
            detail = (
                f"bucket {bucket_id} is counted as {_counts(counted)}, but has {_counts(there)}"
            )
            self.found(FindingKind.COUNTER, detail)

    def verify_room(self, blobs: Blobs, extent: Extent) -> None:
        """Verifies that a blob is as large as a row needs it. What else may be wrong with it is
        found when its turn comes.
        """
        self.portion.cost_bytes += OPEN_COST_BYTES
        blob_id = BlobId(extent.blob_id)
        try:
            reader = blobs.open(blob_id)
        except (FileNotFoundError, OperatingError):
            return
        size_bytes = reader.size_bytes
        reader.close()
        if size_bytes < extent.offset + extent.size_bytes:
            needed = extent.offset + extent.size_bytes
            detail = f"it has {size_bytes} bytes, an object needs {needed}"
            self.found(FindingKind.REFERENCE, detail, blob_id)


def _counts(statistics: BucketStatistics) -> str:
    return (
        f"{statistics.object_count} objects, {statistics.size_bytes} bytes, "
        f"{statistics.upload_count} uploads"
    )
