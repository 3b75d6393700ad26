"""A log that is applied to rows in memory, and a recount of what the rows say."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rucket.model.records import BucketStatistics, Content, Extent, ObjectMetadata
from rucket.ports.index import Table
from rucket.ports.log import LogEntry
from rucket.state.apply import apply_entries
from rucket.state.commands import Command, CreateBucket, encode_command
from rucket.state.outcomes import Committed, Outcome, RecentOutcomes
from rucket.state.rows import (
    BUCKET,
    CONTENT,
    OBJECT,
    bucket_prefix,
    find_bucket,
    find_statistics,
    prefix_end,
    reference_count,
)
from tests.unit.fakes import FakeIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.ports.index import Snapshot

OWNER_ID = "a" * 64
OTHER_OWNER_ID = "b" * 64
FIRST_MS = 1_700_000_000_000
_ROW_COUNT_MAX = 1_000_000

Dump = list[tuple[Table, bytes, tuple[bytes, bytes] | None]]


def an_id(number: int) -> bytes:
    """An id that no other number has."""
    return number.to_bytes(16, "big")


def hlc_at(milliseconds: int) -> int:
    """A stamp so long after the first one."""
    return (FIRST_MS + milliseconds) << 16


def metadata(etag: str = "etag", size_bytes: int = 1) -> ObjectMetadata:
    """What a gateway sends of an object."""
    return ObjectMetadata(b"", 0, size_bytes, etag, OWNER_ID)


def in_blobs(*blob_numbers: int) -> Content:
    """A content of one byte in each of these blobs."""
    return Content(extents=tuple(Extent(an_id(number), 1) for number in blob_numbers))


class AppliedLog:
    """Commands that are applied one by one, a second apart.

    Attributes:
        entries: what has been applied.
        now_ms: the time of the next command, after the first one's.
    """

    def __init__(self) -> None:
        self.index = FakeIndex()
        self.recent = RecentOutcomes(self.index)
        self.entries: list[LogEntry] = []
        self.now_ms = 0
        self._id = 1_000_000

    def new_id(self) -> bytes:
        """A commit id that no other command has."""
        self._id += 1
        return an_id(self._id)

    def apply(self, command: Command) -> Outcome:
        """What becomes of the command."""
        self.now_ms += 1000
        entry = LogEntry(len(self.entries) + 1, hlc_at(self.now_ms), encode_command(command))
        self.entries.append(entry)
        return apply_entries([entry], self.index, self.recent)[0][1]

    def committed(self, command: Command) -> Committed:
        """What becomes of a command that has to succeed."""
        outcome = self.apply(command)
        assert isinstance(outcome, Committed), outcome
        return outcome

    def make_bucket(self, name: str = "bucket", owner_id: str = OWNER_ID) -> int:
        """Makes a bucket, and returns its id."""
        self.committed(CreateBucket(self.new_id(), name, owner_id))
        bucket = find_bucket(self.index, name)
        assert bucket is not None
        return bucket.bucket_id

    def statistics(self, bucket_id: int) -> BucketStatistics | None:
        """The counters of a bucket."""
        return find_statistics(self.index, bucket_id)

    def references(self, *blob_numbers: int) -> list[int]:
        """How many rows name each of these blobs."""
        return [reference_count(self.index, an_id(number)) for number in blob_numbers]

    def garbage(self) -> list[bytes]:
        """The blobs that are to be removed."""
        return keys_of(self.index, Table.GARBAGE)


def keys_of(snapshot: Snapshot, table: Table) -> list[bytes]:
    """All keys of a table."""
    return [key for key, _ in snapshot.scan(table, b"", None, _ROW_COUNT_MAX)]


def dump(snapshot: Snapshot) -> Dump:
    """All rows."""
    return [
        (table, key, snapshot.get_with_attachment(table, key))
        for table in Table
        for key in keys_of(snapshot, table)
    ]


def replay(entries: Sequence[LogEntry], batch_sizes: Sequence[int]) -> Dump:
    """The rows that a log makes in batches of these sizes, the last of them repeated."""
    index = FakeIndex()
    recent = RecentOutcomes(index)
    sizes = iter(batch_sizes)
    size = 1
    position = 0
    while position < len(entries):
        size = next(sizes, size)
        apply_entries(entries[position : position + size], index, recent)
        position += size
    return dump(index)


def recount(snapshot: Snapshot) -> None:
    """Asserts that counters, reference counts and garbage are what the rows add up to."""
    bucket_ids = [
        BUCKET.decode(value).bucket_id
        for _, value in snapshot.scan(Table.BUCKETS, b"", None, _ROW_COUNT_MAX)
    ]
    assert len(keys_of(snapshot, Table.BUCKET_STATISTICS)) == len(bucket_ids)
    assert len(keys_of(snapshot, Table.BUCKETS_BY_OWNER)) == len(bucket_ids)
    for bucket_id in bucket_ids:
        prefix = bucket_prefix(bucket_id)
        end = prefix_end(prefix)
        sizes = [
            OBJECT.decode(value).size_bytes
            for _, value in snapshot.scan(Table.OBJECTS, prefix, end, _ROW_COUNT_MAX)
        ]
        upload_count = len(snapshot.scan(Table.UPLOADS, prefix, end, _ROW_COUNT_MAX))
        expected = BucketStatistics(len(sizes), sum(sizes), upload_count)
        assert find_statistics(snapshot, bucket_id) == expected
    named = named_blobs(snapshot)
    counted = {
        key: reference_count(snapshot, key) for key in keys_of(snapshot, Table.BLOB_REFERENCES)
    }
    assert counted == dict(named)
    assert not set(named) & set(keys_of(snapshot, Table.GARBAGE))


def named_blobs(snapshot: Snapshot) -> Counter[bytes]:
    """For each blob that a row names how many extents do."""
    counts: Counter[bytes] = Counter()
    for table in (Table.OBJECTS, Table.PARTS):
        for key in keys_of(snapshot, table):
            row = snapshot.get_with_attachment(table, key)
            assert row is not None
            counts.update(extent.blob_id for extent in CONTENT.decode(row[1]).extents)
    return counts
