"""Checking the index of a stopped server: every row, and all that rows say about one another."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Final

from rucket.daemon.offline_report import Area
from rucket.model.encryption import decode_encryption_record
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.model.records import AccessKey, BucketStatistics, MultipartUpload, ObjectMetadata
from rucket.ports.index import Table
from rucket.service.sealed_secrets import sealer_of
from rucket.state.row_contents import extents_of, read_whole_row, row_problems
from rucket.state.row_scan import read_rows
from rucket.state.rows import applied_position

if TYPE_CHECKING:
    from rucket.daemon.offline_report import Progress, VerifyReport
    from rucket.ports.index import Snapshot
    from rucket.state.row_contents import DecodedRow
    from rucket.store.index.sqlite_index import SqliteIndexReader
    from rucket.store.wal.inspection import LogCheck

_ROWS_PER_SCAN: Final = 1000


class IndexCheck:
    """Reads an index once.

    Attributes:
        references: how many rows name each blob.
        needed_size_bytes: how large a blob has to be for the rows that name it.
        key_ids: how many objects and uploads need each master key.
        reference_rows: what BLOB_REFERENCES says of each blob.
        garbage: blobs on the list of garbage.
        is_whole: whether every row could be read.
    """

    def __init__(self, sealing_key: bytes, report: VerifyReport, progress: Progress) -> None:
        self._sealer = sealer_of(sealing_key)
        self._report = report
        self._progress = progress
        self._row_count = 0
        self._counts: Counter[tuple[int, str]] = Counter()
        self._counters: dict[int, BucketStatistics] = {}
        self.references: Counter[bytes] = Counter()
        self.needed_size_bytes: dict[bytes, int] = {}
        self.key_ids: Counter[str] = Counter()
        self.reference_rows: dict[bytes, int] = {}
        self.garbage: set[bytes] = set()
        self.is_whole = True

    def read(self, index: SqliteIndexReader) -> None:
        """Reads every row, then compares what they come to with the counters.

        Raises:
            CorruptionError: nothing of it can be read.
        """
        for problem in index.structure_problems():
            self._report.add(Area.INDEX, "SQLite's pages", problem)
        with index.snapshot() as snapshot:
            for table in Table:
                self._read_table(snapshot, table)
        if self.is_whole:
            self._compare()
        self._report.figures["index"] = {
            "rows": self._row_count,
            "buckets": len(self._counters),
            "objects": sum(bucket.object_count for bucket in self._counters.values()),
        }

    def _read_table(self, snapshot: Snapshot, table: Table) -> None:
        position: bytes | None = b""
        while position is not None:
            read = read_rows(snapshot, table, position, None, _ROWS_PER_SCAN)
            for key, value in read.rows:
                self._read_row(snapshot, table, key, value)
            if read.damage is not None:
                self._found_damage(read.damage)
            self._row_count += len(read.rows)
            self._progress("rows", self._row_count, None)
            position = read.position

    def _found_damage(self, damage: CorruptionError) -> None:
        self.is_whole = False
        self._report.add(Area.INDEX, damage.what, damage.detail)

    def _read_row(self, snapshot: Snapshot, table: Table, key: bytes, value: bytes) -> None:
        name = f"a row of {table.name}"
        try:
            row = read_whole_row(snapshot, table, key, value)
        except CorruptionError as error:
            self._found_damage(error)
            return
        except UnknownFormatError as error:
            self._found_damage(CorruptionError(name, str(error)))
            return
        self._count(table, row)
        self._count_key(row.value)
        for problem in self._relations(snapshot, table, row):
            self._report.add(Area.INDEX, name, f"the row with key {key!r}: {problem}")

    def _relations(self, snapshot: Snapshot, table: Table, row: DecodedRow) -> list[str]:
        if isinstance(row.value, AccessKey):
            try:
                self._sealer.open(row.value)
            except (CorruptionError, UnknownFormatError) as error:
                return [str(error)]
        try:
            return row_problems(snapshot, table, row)
        except (CorruptionError, UnknownFormatError):
            return []  # another row is damaged: it is found where it stands

    def _count(self, table: Table, row: DecodedRow) -> None:
        for extent in extents_of(row):
            end = extent.offset + extent.size_bytes
            self.references[extent.blob_id] += 1
            self.needed_size_bytes[extent.blob_id] = max(
                end, self.needed_size_bytes.get(extent.blob_id, 0)
            )
        blob_id, bucket_id = row.key.get("blob_id"), row.key.get("bucket_id")
        match row.value:
            case BucketStatistics() as counters if isinstance(bucket_id, int):
                self._counters[bucket_id] = counters
            case ObjectMetadata() as metadata if isinstance(bucket_id, int):
                self._counts[bucket_id, "objects"] += 1
                self._counts[bucket_id, "bytes"] += metadata.size_bytes
            case MultipartUpload() if isinstance(bucket_id, int):
                self._counts[bucket_id, "uploads"] += 1
            case int(count) if isinstance(blob_id, bytes):
                self.reference_rows[blob_id] = count
            case _ if table is Table.GARBAGE and isinstance(blob_id, bytes):
                self.garbage.add(blob_id)

    def _count_key(self, value: object) -> None:
        """The master key that a row needs; one whose record can't be read is a problem already."""
        described = value.template if isinstance(value, MultipartUpload) else value
        if isinstance(described, ObjectMetadata) and described.encryption is not None:
            with contextlib.suppress(CorruptionError, UnknownFormatError):
                self.key_ids[decode_encryption_record(described.encryption).key_id.hex()] += 1

    def _compare(self) -> None:
        for bucket_id, counters in self._counters.items():
            for what, counted in (
                ("objects", counters.object_count),
                ("bytes", counters.size_bytes),
                ("uploads", counters.upload_count),
            ):
                there = self._counts[bucket_id, what]
                if there != counted:
                    detail = f"{counted} {what} are counted, {there} are there"
                    self._report.add(Area.INDEX, f"the counters of bucket {bucket_id}", detail)
        for blob_id in sorted(self.references.keys() | self.reference_rows.keys()):
            named, counted = self.references[blob_id], self.reference_rows.get(blob_id, 0)
            if named != counted:
                detail = f"{counted} references are counted, {named} rows name it"
                self._report.add(Area.INDEX, f"blob {blob_id.hex()}", detail)


def check_position(index: SqliteIndexReader, log: LogCheck, report: VerifyReport) -> None:
    """Compares how far the index has come with what the log holds."""
    try:
        with index.snapshot() as snapshot:
            position, _ = applied_position(snapshot)
    except CorruptionError:
        return  # found among the rows
    report.figures["index"]["position"] = position
    last = log.last_sequence_number
    if position > last:
        detail = (
            f"it can be read up to record {last}, but the index shows record {position}, which was "
            "acknowledged: a server that starts on this would lose what is between"
        )
        report.add(Area.LOG, "the log", detail)
    elif position + 1 < log.first_sequence_number:
        detail = f"it shows record {position}, but the log begins with {log.first_sequence_number}"
        report.add(Area.INDEX, "the index", detail)
    elif position < last:
        report.notes.append(f"the next start will replay {last - position} records of the log")
