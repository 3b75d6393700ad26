"""Bringing data keys under the active master key.

::

    OBJECTS ── 500 rows ── 500 rows ── … ── UPLOADS ── … ── end: no row names a previous key
                 └── under a previous key: RewrapDataKey, some at once; `apply` decides

A row that is written meanwhile has the active key already: gateways never commit another
(`ObjectEncryption`), and a server has the same keys from its start to its end. So one pass sees
every row that matters. It needs no note of how far it is: what is done is passed over at the speed
of a scan. No byte of an object is read or written. When it is complete, it survives a power cut.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from rucket.model.encryption import decode_encryption_record
from rucket.model.errors import CorruptionError, EncryptionKeyError, UnknownFormatError
from rucket.model.names import ID_SIZE_BYTES
from rucket.model.records import Content, MultipartUpload, ObjectMetadata
from rucket.ports.index import Table
from rucket.state.commands import RewrapDataKey
from rucket.state.outcomes import Committed
from rucket.state.row_contents import decode_row
from rucket.state.row_scan import read_rows
from rucket.state.rows import CONTENT

if TYPE_CHECKING:
    from rucket.model.records import Record
    from rucket.service.encryption.key_ring import KeyRing
    from rucket.service.gateway import Gateway

ROWS_PER_STEP: Final = 500
REWRAPS_IN_FLIGHT_MAX: Final = 32
_WITH_RECORDS: Final = (Table.OBJECTS, Table.UPLOADS)
_UNREADABLE: Final = (CorruptionError, EncryptionKeyError, UnknownFormatError)

_NO_CONTENT: Final = CONTENT.encode(Content())  # where an object's bytes are doesn't matter
_LOGGED_ERRORS_MAX: Final = 10

_logger = logging.getLogger(__name__)


class RotationObserver(Protocol):
    """Hears how a rotation goes on."""

    def looked_at(self, row_count: int, rewrapped_count: int) -> None:
        """So many rows more have been seen, and so many data keys brought under the active key."""
        ...


class KeyRotation:
    """One pass over all rows with an encryption record.

    Args:
        gateway: the ports; commands of its node.
        ring: the master keys.
        observer: hears of the progress.

    Attributes:
        row_count: how many have been.
        rewrapped_count: how many data keys were brought under the active key.
        unreadable_count: rows that may still name a previous key, or are damaged.
    """

    def __init__(self, gateway: Gateway, ring: KeyRing, observer: RotationObserver) -> None:
        self._gateway = gateway
        self._ring = ring
        self._observer = observer
        self._tables = list(_WITH_RECORDS)
        self._position = b""
        self.row_count = 0
        self.rewrapped_count = 0
        self.unreadable_count = 0

    @property
    def is_complete(self) -> bool:
        """Whether every row has been seen."""
        return not self._tables

    async def step(self) -> float:
        """Looks at the next rows. If this raises, it may be repeated.

        Returns:
            How long it took, in seconds: who waits as long leaves half of the node to others.

        Raises:
            OperatingError: a command could not be committed, or nobody knows whether it was.
        """
        started_s = self._gateway.clock.monotonic_s()
        table = self._tables[0]
        with self._gateway.index.snapshot() as snapshot:
            read = read_rows(snapshot, table, self._position, None, ROWS_PER_STEP)
        errors: list[Exception] = [] if read.damage is None else [read.damage]
        commands: list[Record] = []
        for key, value in read.rows:
            try:
                command = self._rewrap(table, key, value)
            except _UNREADABLE as error:
                errors.append(error)
            else:
                commands += () if command is None else (command,)
        conflicted_count = await self._commit_all(commands)
        self.rewrapped_count += len(commands) - conflicted_count
        self._observer.looked_at(len(read.rows), len(commands) - conflicted_count)
        if conflicted_count:
            return 0.0  # those rows have changed: they are looked at again, with all the others
        if read.position is None and len(self._tables) == 1:
            # When the previous key is gone, a power cut must not bring back what needs it.
            await self._gateway.commits.sync()
        self.row_count += len(read.rows)
        self._note(errors)
        self._position = read.position or b""
        if read.position is None:
            del self._tables[0]
        return self._gateway.clock.monotonic_s() - started_s if commands else 0.0

    def _note(self, errors: list[Exception]) -> None:
        for error in errors:
            self.unreadable_count += 1
            if self.unreadable_count <= _LOGGED_ERRORS_MAX:
                _logger.error("key rotation: %s", error)

    def _rewrap(self, table: Table, key: bytes, value: bytes) -> RewrapDataKey | None:
        """The command that a row needs, if it needs one."""
        row = decode_row(table, key, value, _NO_CONTENT)
        upload_id = b""
        described = row.value
        if isinstance(described, MultipartUpload):
            upload_id, described = described.upload_id, described.template
        assert isinstance(described, ObjectMetadata)
        found = described.encryption
        if found is None or decode_encryption_record(found).key_id == self._ring.active.key_id:
            return None
        return RewrapDataKey(
            commit_id=self._gateway.random.token_bytes(ID_SIZE_BYTES),
            bucket_id=int(row.key["bucket_id"]),
            key=str(row.key["key"]),
            version_id=b"" if upload_id else described.version_id,
            expected=found,
            record=self._ring.rewrap(found, self._gateway.random),
            upload_id=upload_id,
        )

    async def _commit_all(self, commands: list[Record]) -> int:
        """Commits them, some at once, so that they share a sync; how many had no effect."""
        conflicted_count = 0
        commits, tasks = self._gateway.commits, self._gateway.tasks
        for start in range(0, len(commands), REWRAPS_IN_FLIGHT_MAX):
            batch = [
                tasks.spawn(commits.commit(command), "rewrap")
                for command in commands[start : start + REWRAPS_IN_FLIGHT_MAX]
            ]
            outcomes = [await task for task in batch]
            conflicted_count += sum(not isinstance(outcome, Committed) for outcome in outcomes)
        return conflicted_count
