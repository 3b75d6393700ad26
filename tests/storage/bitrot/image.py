"""A small data directory, written by the real store, as files in memory that can be damaged.

It is what a server leaves that was killed: a log of several segments that holds every record, an
index of which a part is in SQLite's WAL only, blobs of several sizes, garbage, an unfinished
upload, users with sealed secrets.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.daemon.data_directory import DataDirectory
from rucket.disk.os_disk import OsDisk
from rucket.model.records import (
    AccessKey,
    Content,
    Extent,
    MultipartUpload,
    ObjectMetadata,
    Part,
    User,
)
from rucket.model.scrub_cursor import ScrubCursor
from rucket.ports.index import Table
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.runtime.system import SystemClock
from rucket.service.sealed_secrets import SecretSealer
from rucket.state.commands import (
    CreateBucket,
    CreateMultipartUpload,
    DeleteObject,
    PutAccessKey,
    PutObject,
    PutPart,
    PutUser,
)
from rucket.state.rows import applied_position
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader
from rucket.store.scrub_cursor_file import ScrubCursorFile
from rucket.store.store import Store
from rucket.store.wal.wal import Wal
from tests.unit.fakes import FakeRandom

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rucket.model.names import BlobId
    from rucket.model.records import Record

SEGMENT_SIZE_BYTES = 128 * 1024
BLOB_SIZES_BYTES = (9_000, 131_072, 300_000)
SECRET = "alices-own-secret"

RowKey = tuple[Table, bytes]
Stored = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Image:
    """The files of a data directory, by their path below it, and what its index says."""

    files: dict[str, bytes]
    rows: dict[RowKey, Stored]
    blob_ids: tuple[BlobId, ...]

    def write(self, root: Path, damaged: str = "", offset: int = 0, mask: int = 0) -> None:
        """Writes all of it below `root`, one byte changed."""
        shutil.rmtree(root, ignore_errors=True)
        for name, data in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(flipped(data, offset, mask) if name == damaged else data)


def flipped(data: bytes, offset: int, mask: int) -> bytes:
    """`data` with some bits of one byte turned over."""
    changed = bytearray(data)
    changed[offset] ^= mask
    return bytes(changed)


@asynccontextmanager
async def opened(root: Path) -> AsyncIterator[tuple[Store, SqliteIndex]]:
    """The store of a data directory, recovered and running."""
    disk, random = OsDisk(), FakeRandom(7)
    directory = DataDirectory(str(root), disk)
    tasks = AsyncioTasks(2)
    wal = Wal(disk, directory.log, tasks, SystemClock(), random, SEGMENT_SIZE_BYTES)
    index: SqliteIndex | None = None
    try:
        wal.open()
        index = SqliteIndex(directory.index, disk)
        store = Store(wal, index, tasks)
        store.recover()
        running = asyncio.ensure_future(store.run())
        try:
            yield store, index
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    finally:
        tasks.close()
        if index is not None:
            index.close()
        wal.close()


def rows_of(index: SqliteIndex | SqliteIndexReader) -> dict[RowKey, Stored]:
    """Every row."""
    found: dict[RowKey, Stored] = {}
    with index.snapshot() as snapshot:
        for table in Table:
            for key, _ in snapshot.scan(table, b"", None, 10_000):
                whole = snapshot.get_with_attachment(table, key)
                assert whole is not None
                found[table, key] = whole
    return found


def position_of(index: SqliteIndex | SqliteIndexReader) -> int:
    """Up to which record of the log the rows show."""
    with index.snapshot() as snapshot:
        return applied_position(snapshot)[0]


def make_image(root: Path, seed: int = 1, apart_sizes_bytes: tuple[int, ...] = ()) -> Image:
    """Fills a data directory below `root` and takes its files. Bodies of `apart_sizes_bytes` are
    there as well, for an index that keeps long ones apart from their rows.
    """
    disk, random = OsDisk(), FakeRandom(seed)
    directory = DataDirectory(str(root), disk)
    directory.prepare(SystemClock(), random)
    key = directory.make_sealing_key(random)
    blobs = FileBlobs(disk, directory.devices.default_device, 0, random)
    blobs.prepare()
    ScrubCursorFile(disk, directory.scrub_cursor).save(
        ScrubCursor(1_790_000_000_000, table=5, position=b"some key", error_count=3)
    )
    written = tuple(_write_blob(blobs, random, size) for size in BLOB_SIZES_BYTES)
    commands = _commands(written, SecretSealer(key), random)
    for number, size_bytes in enumerate(apart_sizes_bytes):
        data = random.token_bytes(size_bytes)
        metadata = ObjectMetadata(b"", 0, size_bytes, "etag", "a" * 64)
        put = PutObject(random.token_bytes(16), 1, f"apart-{number}", metadata, Content(data))
        commands.insert(6, put)
    half = len(commands) // 2
    asyncio.run(_commit(root, commands[:half], synced=True))
    rows, files = asyncio.run(_commit(root, commands[half:], synced=False))
    return Image(files, rows, written)


async def _commit(
    root: Path, commands: list[Record], *, synced: bool
) -> tuple[dict[RowKey, Stored], dict[str, bytes]]:
    async with opened(root) as (store, index):
        for command in commands:
            await store.commit(command)
        if synced:
            index.sync()
        return rows_of(index), _files(root)


def _files(root: Path) -> dict[str, bytes]:
    """What a kill would leave; SQLite makes the -shm file anew."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", ".new"))
    }


def _write_blob(blobs: FileBlobs, random: FakeRandom, size_bytes: int) -> BlobId:
    writer = blobs.create("STANDARD", size_bytes)
    writer.write(random.token_bytes(size_bytes))
    return writer.finish()


def _commands(
    blob_ids: tuple[BlobId, ...], sealer: SecretSealer, random: FakeRandom
) -> list[Record]:
    """Something for every table."""

    def token() -> bytes:
        return random.token_bytes(16)

    def metadata(size_bytes: int) -> ObjectMetadata:
        return ObjectMetadata(b"", 0, size_bytes, "etag", "a" * 64)

    def in_blob(place: int, offset: int = 0) -> Content:
        size_bytes = BLOB_SIZES_BYTES[place] - offset
        return Content(None, (Extent(blob_ids[place], size_bytes, offset),))

    secret = sealer.seal(SECRET, "ALICEKEY", "alice", random)
    user = User("alice", "a" * 64, "Alice", "alice@example.com")
    commands: list[Record] = [
        CreateBucket(token(), "bucket", "a" * 64),
        CreateBucket(token(), "other", "a" * 64),
        PutUser(token(), user, must_be_new=True),
        PutAccessKey(token(), AccessKey("ALICEKEY", "alice", secret)),
    ]
    for number in range(60):
        data = random.token_bytes(40 + number)
        key = f"folder-{number % 3}/key-{number}"
        commands.append(PutObject(token(), 1, key, metadata(len(data)), Content(data)))
    for place in range(len(blob_ids)):
        size_bytes = BLOB_SIZES_BYTES[place]
        key = f"large-{place}"
        commands.append(PutObject(token(), 1, key, metadata(size_bytes), in_blob(place)))
    upload_id = token()
    upload = MultipartUpload(b"", 0, "a" * 64, metadata(0))
    part = Part(0, BLOB_SIZES_BYTES[0] - 100, "etag")
    commands += [
        CreateMultipartUpload(upload_id, 1, "upload", upload),
        PutPart(token(), 1, "upload", upload_id, 1, part, in_blob(0, 100)),
        DeleteObject(token(), 1, "large-2"),
        PutObject(token(), 2, "last", metadata(5), Content(b"12345")),
    ]
    return commands
