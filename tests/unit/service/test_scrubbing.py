"""The scrubber, on simulated ports."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import CorruptionError, CorruptRowError, DeviceError
from rucket.model.names import BlobId
from rucket.model.records import BucketStatistics
from rucket.model.scrub_cursor import ScrubCursor, ScrubStage
from rucket.ports.index import ReadSnapshot, Row, Table
from rucket.service.garbage import ORPHAN_AGE_MS_MIN, collect_garbage, remove_orphans
from rucket.service.scrubbing import progress_of
from rucket.state.rows import object_row_key, put_statistics
from tests.unit.service.scrub_world import BYTES_PER_S_MAX, CYCLE_S, ScrubWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rucket.ports.index import IndexReader

MIB = 1 << 20


class DamagedIndex:
    """An index in which some rows fail their check."""

    def __init__(self, index: IndexReader, damaged: set[tuple[Table, bytes]]) -> None:
        self._index = index
        self._damaged = damaged

    @contextmanager
    def snapshot(self) -> Iterator[ReadSnapshot]:
        with self._index.snapshot() as snapshot:
            yield DamagedSnapshot(snapshot, self._damaged)


class DamagedSnapshot:
    def __init__(self, snapshot: ReadSnapshot, damaged: set[tuple[Table, bytes]]) -> None:
        self._snapshot = snapshot
        self._damaged = damaged
        self.scan_whole = snapshot.scan_whole
        self.scan_groups = snapshot.scan_groups

    def _check(self, table: Table, key: bytes) -> None:
        if (table, key) in self._damaged:
            raise CorruptRowError(table.name, key, "a test damaged it")

    def get(self, table: Table, key: bytes) -> bytes | None:
        self._check(table, key)
        return self._snapshot.get(table, key)

    def get_with_attachment(self, table: Table, key: bytes) -> tuple[bytes, bytes] | None:
        self._check(table, key)
        return self._snapshot.get_with_attachment(table, key)

    def scan(self, table: Table, start: bytes, stop: bytes | None, limit: int) -> list[Row]:
        rows = self._snapshot.scan(table, start, stop, limit)
        for key, _ in rows:
            self._check(table, key)
        return rows


def test_what_is_whole_is_verified_without_a_finding() -> None:
    """Every row, every blob, every byte; then the cycle rests."""
    scrub = ScrubWorld()
    sizes = [1, 1000, 3 * MIB + 7]
    for number, size_bytes in enumerate(sizes):
        scrub.put(f"key-{number}", bytes(size_bytes))

    scrub.cycle()

    assert scrub.watcher.kinds == []
    assert (scrub.watcher.blobs, scrub.watcher.bytes) == (3, sum(sizes))
    assert scrub.watcher.rows > 10
    assert scrub.cursors.saved[-1].stage is ScrubStage.RESTING
    assert scrub.watcher.ratios == sorted(scrub.watcher.ratios)
    assert scrub.watcher.ratios[-1] == 1.0
    assert scrub.watcher.last_completed_ms == scrub.cursors.saved[-1].last_completed_ms > 0


def test_a_damaged_blob_is_reported_and_moved_into_quarantine(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the objects that name it, in the log and in the report."""
    scrub = ScrubWorld()
    scrub.put("whole", b"x" * 100)
    damaged = scrub.put("folder/damaged", b"y" * 100)
    scrub.put_naming("shares it", damaged, 100)
    scrub.world.blobs.damaged.add(damaged)

    scrub.cycle()

    assert scrub.watcher.kinds == ["blob_corrupt"]
    report = json.loads(scrub.shelf.reports[damaged])
    assert [user["key"] for user in report["used_by"]] == ["folder/damaged", "shares it"]
    assert report["blob_id"] == damaged.hex()
    assert "upload the object again" in report["advice"]
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert "bucket/folder/damaged, bucket/shares it" in errors[0]
    assert f"moved to quarantine/{damaged.hex()}" in errors[0]


def test_a_blob_in_quarantine_is_reported_again_in_every_cycle(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As long as something names it: the object can't be read."""
    scrub = ScrubWorld()
    damaged = scrub.put("key", b"y" * 100)
    scrub.world.blobs.damaged.add(damaged)
    scrub.cycle()
    scrub.forget_rest()
    scrub.cycle()

    assert scrub.watcher.kinds == ["blob_corrupt", "blob_missing"]
    assert "it is in quarantine" in caplog.text


def test_a_blob_that_is_missing_is_a_finding() -> None:
    """There is nothing to move."""
    scrub = ScrubWorld()
    del scrub.world.blobs.finished[scrub.put("key", b"y" * 100)]

    scrub.cycle()

    assert scrub.watcher.kinds == ["blob_missing"]
    assert scrub.shelf.reports == {}


def test_a_blob_that_the_device_refuses_is_left_where_it_is() -> None:
    """It may be readable tomorrow."""
    scrub = ScrubWorld()
    scrub.put("key", b"y" * 100)

    def refuse(call: str) -> None:
        if call == "read":
            raise DeviceError("a test refuses")

    scrub.world.blobs.before = refuse
    scrub.cycle()

    assert scrub.watcher.kinds == ["blob_unreadable"]
    assert scrub.shelf.reports == {}


@pytest.mark.parametrize("damage", ["gone", "corrupt"])
def test_a_blob_that_is_deleted_meanwhile_is_no_finding(damage: str) -> None:
    """Garbage may go at any moment, and nobody will read it."""
    scrub = ScrubWorld()
    blob_id = scrub.put("key", b"y" * 100)
    blobs = scrub.world.blobs

    def delete(call: str) -> None:
        if call == "read" and blob_id in blobs.finished:
            scrub.delete("key")
            blobs.before = lambda _: None
            if damage == "gone":
                del blobs.finished[blob_id]
                raise FileNotFoundError(blob_id.hex())
            blobs.damaged.add(blob_id)

    blobs.before = delete
    scrub.cycle()

    assert scrub.watcher.kinds == []
    assert scrub.shelf.reports == {}


def test_an_object_whose_blob_is_shorter_than_it_needs_is_a_finding() -> None:
    """Though every block of the blob is whole."""
    scrub = ScrubWorld()
    scrub.put_naming("key", scrub.put("other", b"y" * 100), 101)

    scrub.cycle()

    assert scrub.watcher.kinds == ["reference"]


def test_a_damaged_row_is_a_finding_and_the_others_are_verified() -> None:
    """Before it and behind it."""
    scrub = ScrubWorld()
    for number in range(9):
        scrub.put(f"key-{number}", b"x")
    scrub.cycle()
    whole = scrub.watcher.rows
    scrub.forget_rest()
    bucket_id = scrub.world.bucket.bucket_id
    damaged = {(Table.OBJECTS, object_row_key(bucket_id, "key-4"))}

    scrub.cycle(scrub.scrubber(DamagedIndex(scrub.world.index, damaged)))

    assert scrub.watcher.kinds == ["row"]
    assert scrub.watcher.rows - whole == whole - 1


def test_rows_that_do_not_fit_to_one_another_are_findings() -> None:
    """An object whose blob isn't counted, and a bucket whose counters are wrong."""
    scrub = ScrubWorld()
    blob_id = scrub.put("key", b"x")
    with scrub.world.index.transaction() as transaction:
        transaction.delete(Table.BLOB_REFERENCES, blob_id)
        put_statistics(transaction, scrub.world.bucket.bucket_id, BucketStatistics(2, 1))

    scrub.cycle()

    assert sorted(scrub.watcher.kinds) == ["counter", "reference"]


def test_a_damaged_structure_of_the_index_is_a_finding() -> None:
    """It may hide rows; looked at once in a cycle."""
    scrub = ScrubWorld()
    for number in range(300):
        scrub.put_naming(f"key-{number}", BlobId(bytes(16)), 0)
    scrub.world.blobs.finished[BlobId(bytes(16))] = b""
    scrub.index_problems = ["page 7 isn't used"]

    scrub.cycle()

    assert scrub.watcher.kinds == ["index"]


def test_a_value_of_a_newer_format_is_a_finding() -> None:
    """And no reason to stop."""
    scrub = ScrubWorld()
    with scrub.world.index.transaction() as transaction:
        transaction.put(Table.USERS, b"alice", b"\x63whatever")

    scrub.cycle()

    assert scrub.watcher.kinds == ["row"]


def test_the_rate_is_kept() -> None:
    """What is read, divided by the time it takes."""
    scrub = ScrubWorld()
    for number in range(20):
        scrub.put(f"key-{number}", bytes(2 * MIB))

    duration_s = scrub.cycle()

    assert duration_s >= 40 * MIB / BYTES_PER_S_MAX
    assert duration_s < 2 * 40 * MIB / BYTES_PER_S_MAX


def test_a_cycle_goes_on_where_it_was_after_a_restart() -> None:
    """In the middle of a large blob, too."""
    scrub = ScrubWorld()
    blob_id = scrub.put("large", bytes(20 * MIB))
    scrub.cursors.save(
        ScrubCursor(
            scrub.world.gateway.clock.wall_ms(),
            ScrubStage.BLOBS,
            position=blob_id,
            offset_bytes=16 * MIB,
        )
    )

    scrub.cycle()

    assert (scrub.watcher.rows, scrub.watcher.blobs, scrub.watcher.bytes) == (0, 1, 4 * MIB)


def test_the_next_cycle_begins_when_it_is_due() -> None:
    """And not before; a step in between says how long to wait."""
    scrub = ScrubWorld()
    scrub.put("key", b"x")

    async def scenario() -> tuple[float, int, int]:
        scrubber = scrub.scrubber()
        took_s = await scrub.finish_cycle(scrubber)
        pause_s = await scrubber.step()
        resting = scrub.watcher.blobs
        await scrub.world.tasks.sleep(CYCLE_S - took_s)
        for _ in range(30):
            await scrubber.step()
        return pause_s, resting, scrub.watcher.blobs

    pause_s, resting, after = scrub.world.run(scenario())

    assert 0 < pause_s <= 60
    assert (resting, after) == (1, 2)


def test_progress_goes_from_0_to_1() -> None:
    """Rows first, then blobs by their ids."""
    cursors = [
        ScrubCursor(0, table=int(min(Table))),
        ScrubCursor(0, table=int(max(Table))),
        ScrubCursor(0, ScrubStage.BLOBS),
        ScrubCursor(0, ScrubStage.BLOBS, position=b"\x80" * 16),
        ScrubCursor(0, ScrubStage.RESTING),
    ]
    ratios = [progress_of(cursor) for cursor in cursors]

    assert ratios[0] == 0
    assert ratios == sorted(set(ratios))
    assert ratios[-1] == 1


def test_a_blob_whose_count_was_lost_is_no_orphan(caplog: pytest.LogCaptureFixture) -> None:
    """The index can be built again, the blob could not."""
    scrub = ScrubWorld()
    named = scrub.put("key", b"x")
    orphan = BlobId(bytes(16))
    scrub.world.blobs.finished[orphan] = b"nobody's"
    with scrub.world.index.transaction() as transaction:
        transaction.delete(Table.BLOB_REFERENCES, named)
    assert scrub.world.gateway.clock.wall_ms() > ORPHAN_AGE_MS_MIN

    removed = scrub.world.run(remove_orphans(scrub.world.gateway))

    assert removed == 1
    assert list(scrub.world.blobs.finished) == [named]
    assert "bucket/key" in caplog.text


def test_nothing_is_an_orphan_while_rows_cannot_be_read() -> None:
    """One of them may name it."""
    scrub = ScrubWorld()
    scrub.put("key", b"x")
    orphan = BlobId(bytes(16))
    scrub.world.blobs.finished[orphan] = b"nobody's"
    damaged = {(Table.OBJECTS, object_row_key(scrub.world.bucket.bucket_id, "key"))}
    gateway = replace(scrub.world.gateway, index=DamagedIndex(scrub.world.index, damaged))

    assert scrub.world.run(remove_orphans(gateway)) == 0
    assert orphan in scrub.world.blobs.finished


def test_what_only_looks_like_garbage_is_not_removed() -> None:
    """Rows of another table, shown in place of garbage by a damaged index: it is a refusal."""
    scrub = ScrubWorld()
    scrub.put("key", b"x")
    deleted = scrub.put("deleted", b"x")
    scrub.delete("deleted")
    with scrub.world.index.transaction() as transaction:
        ((blob_id, count),) = transaction.scan(Table.BLOB_REFERENCES, b"", None, 10)
        transaction.put(Table.GARBAGE, blob_id, count)

    with pytest.raises(CorruptionError):
        scrub.world.run(collect_garbage(scrub.world.gateway))
    assert set(scrub.world.blobs.finished) == {blob_id, deleted}
