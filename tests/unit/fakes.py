"""The ports in memory, for tests of the wire and service layers: real semantics, no disk.

Commands are applied by the real `rucket.state.apply`; what isn't real is durability.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from rucket.model.hlc import HlcClock
from rucket.model.names import ID_SIZE_BYTES, BlobId
from rucket.ports.index import GroupEnd, Row, Table, WholeRow
from rucket.ports.log import LogEntry
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.service.gateway import ConfiguredUser, Gateway, ServiceSettings
from rucket.state.apply import apply_entries
from rucket.state.commands import encode_command
from rucket.state.outcomes import RecentOutcomes
from rucket.state.placement import SingleNodePlacement
from tests.simulator.index import first_of_groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rucket.model.records import Record
    from rucket.ports.disk import Buffer

NOW_MS = 1_700_000_000_000

ROOT = ConfiguredUser(
    name="root",
    canonical_id="0" * 64,
    display_name="Root",
    email="",
    access_key_id="ROOTKEY",
    secret_access_key="root-secret",
    is_root=True,
)
ALICE = ConfiguredUser(
    name="alice",
    canonical_id="a" * 64,
    display_name="Alice",
    email="alice@example.com",
    access_key_id="ALICEKEY",
    secret_access_key="alice-secret",
)
BOB = ConfiguredUser(
    name="bob",
    canonical_id="b" * 64,
    display_name="Bob",
    email="bob@example.com",
    access_key_id="BOBKEY",
    secret_access_key="bob-secret",
)
SETTINGS = ServiceSettings(
    region="us-east-1",
    domains=("s3.localhost",),
    users=(ROOT, ALICE, BOB),
    sealing_key=bytes(range(32)),
    version="0.0.0",
    node_id="test-node",
    started_at_ms=NOW_MS,
    body_idle_timeout_s=5.0,
)


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def wall_ms(self) -> int:
        """See `Clock.wall_ms`."""
        return self.now_ms

    def monotonic_s(self) -> float:
        """See `Clock.monotonic_s`."""
        return self.now_ms / 1000


class FakeRandom:
    """Predictable randomness."""

    def __init__(self, seed: int = 0) -> None:
        self._generator = random.Random(seed)

    def token_bytes(self, size_bytes: int) -> bytes:
        """See `Random.token_bytes`."""
        return self._generator.randbytes(size_bytes)

    def uniform(self, low: float, high: float) -> float:
        """See `Random.uniform`."""
        return self._generator.uniform(low, high)


class FakeIndex:
    """Sorted tables in memory. There is one thread, so a snapshot is the tables themselves.

    Attributes:
        scanned_row_count: how many rows scans have returned.
        scan_count: how many scans there were.
        scan_limit_max: the largest limit that one had.
        group_row_count: how many rows scans of groups have returned.
    """

    def __init__(self) -> None:
        self._keys: dict[Table, list[bytes]] = {table: [] for table in Table}
        self._rows: dict[Table, dict[bytes, tuple[bytes, bytes]]] = {table: {} for table in Table}
        self.scanned_row_count = 0
        self.scan_count = 0
        self.scan_limit_max = 0
        self.group_row_count = 0

    @contextmanager
    def snapshot(self) -> Iterator[FakeIndex]:
        """See `IndexReader.snapshot`."""
        yield self

    @contextmanager
    def transaction(self) -> Iterator[FakeIndex]:
        """See `Index.transaction`; nothing here makes one roll back."""
        yield self

    def get(self, table: Table, key: bytes) -> bytes | None:
        """See `Snapshot.get`."""
        row = self._rows[table].get(key)
        return None if row is None else row[0]

    def get_with_attachment(self, table: Table, key: bytes) -> tuple[bytes, bytes] | None:
        """See `Snapshot.get_with_attachment`."""
        return self._rows[table].get(key)

    def scan(self, table: Table, start: bytes, stop: bytes | None, limit: int) -> list[Row]:
        """See `Snapshot.scan`."""
        keys = self._keys[table]
        first = bisect_left(keys, start)
        last = len(keys) if stop is None else max(first, bisect_left(keys, stop))
        chosen = keys[first : min(last, first + limit)]
        self.scanned_row_count += len(chosen)
        self.scan_count += 1
        self.scan_limit_max = max(self.scan_limit_max, limit)
        return [(key, self._rows[table][key][0]) for key in chosen]

    def scan_groups(
        self, table: Table, start: bytes, stop: bytes, group_end: GroupEnd, limit: int
    ) -> list[Row]:
        """See `ReadSnapshot.scan_groups`."""
        keys = self._keys[table][bisect_left(self._keys[table], start) :]
        chosen = first_of_groups([key for key in keys if key < stop], group_end)[:limit]
        self.scanned_row_count += len(chosen)
        self.group_row_count += len(chosen)
        self.scan_count += 1
        self.scan_limit_max = max(self.scan_limit_max, limit)
        return [(key, self._rows[table][key][0]) for key in chosen]

    def scan_whole(self, table: Table, start: bytes, limit: int) -> list[WholeRow]:
        """See `Snapshot.scan_whole`."""
        return [(key, *self._rows[table][key]) for key, _ in self.scan(table, start, None, limit)]

    def put(self, table: Table, key: bytes, value: bytes, attachment: bytes = b"") -> None:
        """See `Transaction.put`."""
        if key not in self._rows[table]:
            self._keys[table].insert(bisect_left(self._keys[table], key), key)
        self._rows[table][key] = (value, attachment)

    def delete(self, table: Table, key: bytes) -> None:
        """See `Transaction.delete`."""
        if self._rows[table].pop(key, None) is not None:
            del self._keys[table][bisect_left(self._keys[table], key)]

    def delete_range(self, table: Table, start: bytes, stop: bytes) -> None:
        """See `Transaction.delete_range`."""
        keys = self._keys[table]
        first, last = bisect_left(keys, start), bisect_left(keys, stop)
        for key in keys[first:last]:
            del self._rows[table][key]
        del keys[first:last]

    def sync(self) -> None:
        """See `Index.sync`."""

    def close(self) -> None:
        """See `Index.close`."""


class FakeCommits:
    """Applies commands at once.

    Attributes:
        failure: raised by the next commits, if set.
        is_ready: what `ready` answers.
        commands: all that were committed.
    """

    def __init__(self, index: FakeIndex, clock: FakeClock) -> None:
        self._index = index
        self._recent = RecentOutcomes(index)
        self._hlc = HlcClock(clock.wall_ms)
        self._sequence_number = 0
        self.failure: Exception | None = None
        self.is_ready = True
        self.commands: list[Record] = []

    async def commit(self, command: Record) -> Record:
        """See `Commits.commit`."""
        if self.failure is not None:
            raise self.failure
        self.commands.append(command)
        self._sequence_number += 1
        entry = LogEntry(self._sequence_number, self._hlc.now().value, encode_command(command))
        with self._index.transaction() as transaction:
            return apply_entries([entry], transaction, self._recent)[0][1]

    async def sync(self) -> None:
        """See `Commits.sync`."""

    async def ready(self) -> bool:
        """See `Commits.ready`."""
        return self.is_ready


class FakeBlobs:
    """Blobs in a dictionary."""

    def __init__(self) -> None:
        self.blobs: dict[bytes, bytes] = {}
        self._random = FakeRandom(1)

    def create(self, storage_class: str, size_bytes_expected: int | None) -> FakeBlobWriter:
        """See `Blobs.create`."""
        del storage_class, size_bytes_expected
        return FakeBlobWriter(self.blobs, BlobId(self._random.token_bytes(ID_SIZE_BYTES)))

    def is_placed_for(self, blob_id: BlobId, storage_class: str) -> bool:
        """See `Blobs.is_placed_for`."""
        del blob_id, storage_class
        return True

    def open(self, blob_id: BlobId) -> FakeBlobReader:
        """See `Blobs.open`."""
        if blob_id not in self.blobs:
            raise FileNotFoundError(blob_id.hex())
        return FakeBlobReader(self.blobs[blob_id])

    def open_cached(self, blob_id: BlobId) -> FakeBlobReader | None:
        """See `Blobs.open_cached`."""
        return self.open(blob_id) if blob_id in self.blobs else None

    def delete(self, blob_id: BlobId) -> None:
        """See `Blobs.delete`."""
        self.blobs.pop(blob_id, None)

    def list_ids(self, after: BlobId | None, limit: int) -> list[tuple[BlobId, int]]:
        """See `Blobs.list_ids`."""
        raise NotImplementedError((after, limit))


class FakeBlobWriter:
    """A blob being written."""

    def __init__(self, blobs: dict[bytes, bytes], blob_id: BlobId) -> None:
        self._blobs = blobs
        self._blob_id = blob_id
        self._data = bytearray()

    def write(self, data: Buffer) -> None:
        """See `BlobWriter.write`."""
        self._data += data

    def finish(self) -> BlobId:
        """See `BlobWriter.finish`."""
        self._blobs[self._blob_id] = bytes(self._data)
        return self._blob_id

    def abort(self) -> None:
        """See `BlobWriter.abort`."""


class FakeBlobReader:
    """An open blob."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size_bytes(self) -> int:
        """See `BlobReader.size_bytes`."""
        return len(self._data)

    def read(self, offset: int, size_bytes: int) -> bytes:
        """See `BlobReader.read`."""
        return self._data[offset : offset + size_bytes]

    def read_cached(self, offset: int, size_bytes: int) -> bytes:
        """See `BlobReader.read_cached`."""
        return self.read(offset, size_bytes)

    def close(self) -> None:
        """See `BlobReader.close`."""


class Node:
    """A gateway over fakes; make it where a loop is running."""

    def __init__(self, settings: ServiceSettings = SETTINGS) -> None:
        self.clock = FakeClock()
        self.index = FakeIndex()
        self.commits = FakeCommits(self.index, self.clock)
        self.blobs = FakeBlobs()
        self.tasks = AsyncioTasks(thread_count=2)
        self.gateway = Gateway(
            index=self.index,
            commits=self.commits,
            blobs=self.blobs,
            tasks=self.tasks,
            clock=self.clock,
            random=FakeRandom(),
            settings=settings,
            placement=SingleNodePlacement(settings.node_id),
        )

    def with_settings(self, settings: ServiceSettings) -> Gateway:
        """The same node under other settings."""
        return replace(self.gateway, settings=settings)
