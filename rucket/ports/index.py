"""The index, as everything above this layer may know it: ordered tables of rows, read in
snapshots, written by one transaction at a time.

A row has a key, a value and maybe an attachment. Scans read no attachments, so that what is
rarely needed (an object's inline bytes, its list of blobs) costs a listing nothing. Keys are
ordered as bytes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


@enum.unique
class Table(enum.IntEnum):
    """The tables. The numbers are on disk: never reuse one. Keys are described in
    `rucket.state.rows`.
    """

    META = 1
    BUCKETS = 2
    BUCKETS_BY_OWNER = 3
    BUCKET_STATISTICS = 4
    OBJECTS = 5
    UPLOADS = 6
    PARTS = 7
    COMPLETED_UPLOADS = 8
    BLOB_REFERENCES = 9
    GARBAGE = 10
    USERS = 11
    USER_ATTRIBUTES = 12
    ACCESS_KEYS = 13
    OUTCOMES = 14


Row = tuple[bytes, bytes]
"""A key and its value."""

WholeRow = tuple[bytes, bytes, bytes]
"""A key, its value and its attachment (empty if it has none)."""


@dataclass(frozen=True, slots=True)
class GroupEnd:
    """Where the part of a key ends that it has in common with its group: with the first `mark` at
    or behind byte `offset`. A key without one is a group of its own.
    """

    mark: bytes
    offset: int

    def group(self, key: bytes) -> bytes | None:
        """How all keys of the group of `key` begin; None if it is a group of its own."""
        found = key.find(self.mark, self.offset)
        return None if found < 0 else key[: found + len(self.mark)]


class Snapshot(Protocol):
    """The rows as they were at one moment.

    Every read raises CorruptionError for a row whose check doesn't fit.
    """

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value at `key`."""
        ...

    def get_with_attachment(self, table: Table, key: bytes) -> tuple[bytes, bytes] | None:
        """The value at `key` and its attachment (empty if it has none)."""
        ...

    def scan(self, table: Table, start: bytes, stop: bytes | None, limit: int) -> list[Row]:
        """The first `limit` rows with start <= key < stop (None: to the end of the table)."""
        ...

    def scan_whole(self, table: Table, start: bytes, limit: int) -> list[WholeRow]:
        """The first `limit` rows with start <= key, with their attachments."""
        ...


class ReadSnapshot(Snapshot, Protocol):
    """A snapshot that is only read."""

    def scan_groups(
        self, table: Table, start: bytes, stop: bytes, group_end: GroupEnd, limit: int
    ) -> list[Row]:
        """As `scan`, but of each group only the first row. The cost grows with the groups, and not
        with the rows in them.
        """
        ...


class Transaction(Snapshot, Protocol):
    """A snapshot that also sees, and collects, its own changes."""

    def put(self, table: Table, key: bytes, value: bytes, attachment: bytes = b"") -> None:
        """Writes a row, over the one that was at `key`."""
        ...

    def delete(self, table: Table, key: bytes) -> None:
        """Removes the row at `key`, if there is one."""
        ...

    def delete_range(self, table: Table, start: bytes, stop: bytes) -> None:
        """Removes the rows with start <= key < stop."""
        ...


class IndexReader(Protocol):
    """Read access, from any process of the node."""

    def snapshot(self) -> AbstractContextManager[ReadSnapshot]:
        """A snapshot, held while the context is open. Never hold it across an await: it keeps
        old pages from being reclaimed.
        """
        ...


class Index(IndexReader, Protocol):
    """The whole index, in the one process that writes it."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """A transaction: commits when the context ends, rolls back when it raises. Committed rows
        are visible to every later snapshot, in every process; they survive a crash of the process
        but, until `sync`, not a power cut.
        """
        ...

    def sync(self) -> None:
        """Returns once all that was committed before the call survives a power cut."""
        ...

    def close(self) -> None:
        """Gives its files back."""
        ...
