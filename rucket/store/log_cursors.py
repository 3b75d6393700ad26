"""How far each consumer of the log has come: small files, one a consumer; and what follows for the
log, which keeps what a consumer hasn't read.

::

    {"format_version": 1, "check": CRC32C of the JSON of "cursor",
     "cursor": {"position": sequence number of the last record that is done with}}
"""

from __future__ import annotations

import contextlib
import logging
import posixpath
from typing import TYPE_CHECKING, Protocol

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.store.small_documents import DocumentFormat, read_small_file, replace_small_file

if TYPE_CHECKING:
    from rucket.ports.disk import Disk

LOG_CURSOR_FORMAT_VERSION = 1
_FORMAT = DocumentFormat(LOG_CURSOR_FORMAT_VERSION, "cursor")
_SUFFIX = ".json"

_logger = logging.getLogger(__name__)


def encode_log_cursor(position: int) -> bytes:
    """The content of the file."""
    return _FORMAT.encode({"position": position})


def decode_log_cursor(text: bytes, name: str) -> int:
    """The position that `encode_log_cursor` made `text` of.

    Raises:
        CorruptionError: it isn't what was written.
        UnknownFormatError: a newer Rucket wrote it.
    """
    return _FORMAT.decode(text, name, lambda fields: int(fields["position"]))


class LogCursors:
    """The cursors in `directory`. All calls block."""

    def __init__(self, disk: Disk, directory: str) -> None:
        self._disk = disk
        self._directory = directory

    def names(self) -> list[str]:
        """The consumers that have a cursor."""
        try:
            found = self._disk.list_directory(self._directory)
        except FileNotFoundError:
            return []
        return [name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)]

    def load(self, name: str) -> int | None:
        """The last record that the consumer is done with; None if it has no cursor.

        Raises:
            CorruptionError, UnknownFormatError: as `decode_log_cursor`.
            DeviceError: it can't be read.
        """
        path = self._path(name)
        try:
            return decode_log_cursor(read_small_file(self._disk, path), path)
        except FileNotFoundError:
            return None

    def save(self, name: str, position: int) -> None:
        """Moves the cursor; durable on return. A crash leaves it here or there.

        Raises:
            StorageFullError, DeviceError: it can't be written; the old one is still there.
        """
        self._disk.make_directory(self._directory)
        replace_small_file(self._disk, self._path(name), encode_log_cursor(position))

    def remove(self, name: str) -> None:
        """Forgets a consumer that is no more; harmless where there is none. Durable on return."""
        with contextlib.suppress(FileNotFoundError):
            self._disk.remove(self._path(name))
        # Also where it is gone already: whoever removed it may have been killed before that was
        # durable, and it would come back to hold the log.
        with contextlib.suppress(FileNotFoundError):
            self._disk.sync_directory(self._directory)

    def _path(self, name: str) -> str:
        return posixpath.join(self._directory, name + _SUFFIX)


class SizedLog(Protocol):
    """A log that knows what it takes on disk."""

    def first_within(self, size_bytes: int) -> int:
        """The first of the newest records that together take no more than `size_bytes`."""
        ...


class LogNeededByCursors:
    """Says from which record on consumers need the log (a bound of `rucket.store.store.Store`).

    Args:
        backlog_bytes_max: one that is further behind loses its place, so that a consumer which
            stands still doesn't fill the disk.
    """

    def __init__(self, cursors: LogCursors, log: SizedLog, backlog_bytes_max: int) -> None:
        self._cursors = cursors
        self._log = log
        self._backlog_bytes_max = backlog_bytes_max

    def first_needed(self) -> int | None:
        """The sequence number of the first record that is still needed; None if nobody needs any.
        Blocks.
        """
        wanted = [self._wanted(name) for name in self._cursors.names()]
        if not wanted:
            return None
        return max(min(wanted), self._log.first_within(self._backlog_bytes_max))

    def _wanted(self, name: str) -> int:
        try:
            position = self._cursors.load(name)
        except (CorruptionError, UnknownFormatError) as error:
            _logger.error("a cursor is no good; the log keeps what it may: %s", error)  # noqa: TRY400
            return 1
        return 1 if position is None else position + 1
