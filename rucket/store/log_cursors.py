"""How far each consumer of the log has come: small files, one a consumer; and what follows for the
log, which keeps what a consumer hasn't read.

::

    {"format_version": 1, "check": CRC32C of the JSON of "cursor",
     "cursor": {"position": sequence number of the last record that is done with}}
"""

from __future__ import annotations

import contextlib
import json
import logging
import posixpath
from typing import TYPE_CHECKING, Protocol

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, UnknownFormatError

if TYPE_CHECKING:
    from rucket.ports.disk import Disk

LOG_CURSOR_FORMAT_VERSION = 1
_SUFFIX = ".json"
_UNFINISHED_SUFFIX = ".new"

_logger = logging.getLogger(__name__)


def encode_log_cursor(position: int) -> bytes:
    """The content of the file."""
    fields = {"position": position}
    document = {
        "format_version": LOG_CURSOR_FORMAT_VERSION,
        "check": _check(fields),
        "cursor": fields,
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def decode_log_cursor(text: bytes, name: str) -> int:
    """The position that `encode_log_cursor` made `text` of.

    Raises:
        CorruptionError: it isn't what was written.
        UnknownFormatError: a newer Rucket wrote it.
    """
    try:
        document = json.loads(text)
        format_version = int(document["format_version"])
        if format_version != LOG_CURSOR_FORMAT_VERSION:
            raise UnknownFormatError(name, format_version, LOG_CURSOR_FORMAT_VERSION)
        fields = document["cursor"]
        if document["check"] != _check(fields):
            raise CorruptionError(name, "its check doesn't fit")
        return int(fields["position"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptionError(name, "it isn't what was written") from error


def _check(fields: object) -> int:
    return crc32c(json.dumps(fields, sort_keys=True).encode())


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
            file = self._disk.open(path)
        except FileNotFoundError:
            return None
        try:
            return decode_log_cursor(file.read_at(0, file.size_bytes()), path)
        finally:
            file.close()

    def save(self, name: str, position: int) -> None:
        """Moves the cursor; durable on return. A crash leaves it here or there.

        Raises:
            StorageFullError, DeviceError: it can't be written; the old one is still there.
        """
        self._disk.make_directory(self._directory)
        path = self._path(name)
        unfinished = path + _UNFINISHED_SUFFIX
        with contextlib.suppress(FileNotFoundError):
            self._disk.remove(unfinished)
        file = self._disk.create(unfinished)
        try:
            file.write_at(0, [encode_log_cursor(position)])
            file.sync_data()
        finally:
            file.close()
        self._disk.rename(unfinished, path)
        self._disk.sync_directory(self._directory)

    def remove(self, name: str) -> None:
        """Forgets a consumer that is no more; harmless where there is none."""
        with contextlib.suppress(FileNotFoundError):
            self._disk.remove(self._path(name))
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
