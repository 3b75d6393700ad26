"""Which objects name a blob: asked when one is damaged. Looks at every row that can name one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.model.names import BlobId
from rucket.ports.index import Table
from rucket.state.row_contents import WITH_ATTACHMENT, extents_of, read_whole_row
from rucket.state.row_scan import read_rows
from rucket.state.rows import BUCKET

if TYPE_CHECKING:
    from collections.abc import Collection

    from rucket.ports.index import IndexReader, Snapshot
    from rucket.ports.tasks import Tasks
    from rucket.state.row_contents import DecodedRow

_ROWS_PER_SNAPSHOT = 500
USERS_PER_BLOB_MAX = 100


@dataclass(frozen=True, slots=True)
class BlobUser:
    """Who names a blob: an object, or a part of an upload that isn't complete."""

    bucket: str = ""
    key: str = ""
    upload_id: str = ""
    part_number: int = 0

    def __str__(self) -> str:
        if self.upload_id:
            return f"part {self.part_number} of upload {self.upload_id}"
        return f"{self.bucket}/{self.key}"


async def find_blob_users(
    index: IndexReader, tasks: Tasks, blob_ids: Collection[BlobId]
) -> dict[BlobId, list[BlobUser]]:
    """Who names these blobs; up to `USERS_PER_BLOB_MAX` for each. Rows that can't be read are left
    out; `index` is used off the loop.
    """
    search = BlobUserSearch(index, blob_ids)
    while not search.is_complete:
        await tasks.run_blocking(search.look_on)
    return search.users


class BlobUserSearch:
    """A search, step by step, for whoever keeps an index to one thread.

    Attributes:
        users: what has been found.
        missed: whether there were rows that can't be read: they may name blobs, too.
    """

    def __init__(self, index: IndexReader, blob_ids: Collection[BlobId]) -> None:
        self._index = index
        self.users: dict[BlobId, list[BlobUser]] = {blob_id: [] for blob_id in blob_ids}
        self.missed = False
        self._tables = sorted(WITH_ATTACHMENT)
        self._position = b""

    @property
    def is_complete(self) -> bool:
        """Whether every row has been looked at."""
        return not self._tables

    def look_on(self) -> None:
        """Looks at some rows. Blocks."""
        table = self._tables[0]
        with self._index.snapshot() as snapshot:
            read = read_rows(snapshot, table, self._position, None, _ROWS_PER_SNAPSHOT)
            for key, value in read.rows:
                self._look_at(snapshot, table, key, value)
        self.missed = self.missed or read.damage is not None
        self._position = read.position or b""
        if read.position is None:
            del self._tables[0]

    def _look_at(self, snapshot: Snapshot, table: Table, key: bytes, value: bytes) -> None:
        try:
            row = read_whole_row(snapshot, table, key, value)
        except (CorruptionError, UnknownFormatError):
            self.missed = True
            return
        user: BlobUser | None = None
        for extent in extents_of(row):
            users = self.users.get(BlobId(extent.blob_id))
            if users is not None and len(users) < USERS_PER_BLOB_MAX:
                user = user or _user(snapshot, row)
                if user not in users:
                    users.append(user)


def _user(snapshot: Snapshot, row: DecodedRow) -> BlobUser:
    upload_id = row.key.get("upload_id")
    if isinstance(upload_id, bytes):
        return BlobUser(upload_id=upload_id.hex(), part_number=int(row.key["part_number"]))
    name = _bucket_name(snapshot, int(row.key["bucket_id"]))
    return BlobUser(bucket=name, key=str(row.key["key"]))


def _bucket_name(snapshot: Snapshot, bucket_id: int) -> str:
    position = b""
    try:
        while rows := snapshot.scan(Table.BUCKETS, position, None, _ROWS_PER_SNAPSHOT):
            for _, value in rows:
                bucket = BUCKET.decode(value)
                if bucket.bucket_id == bucket_id:
                    return bucket.name
            position = rows[-1][0] + b"\0"
    except (CorruptionError, UnknownFormatError):
        pass
    return f"(bucket {bucket_id})"
