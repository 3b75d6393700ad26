"""The file that keeps a `ScrubCursor` across restarts: JSON, replaced as a whole.

::

    {"format_version": 1, "check": CRC32C of the JSON of "cursor", "cursor": {…}}

It is a note and no promise: a scrubber without it begins a new cycle.
"""

from __future__ import annotations

import contextlib
import json
import posixpath
from typing import TYPE_CHECKING

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.model.scrub_cursor import ScrubCursor, ScrubStage

if TYPE_CHECKING:
    from rucket.ports.disk import Disk

SCRUB_CURSOR_FORMAT_VERSION = 1


def encode_cursor(cursor: ScrubCursor) -> bytes:
    """The content of the file."""
    fields = {
        "cycle_started_ms": cursor.cycle_started_ms,
        "stage": cursor.stage.value,
        "table": cursor.table,
        "position": cursor.position.hex(),
        "offset_bytes": cursor.offset_bytes,
        "error_count": cursor.error_count,
        "last_completed_ms": cursor.last_completed_ms,
    }
    document = {
        "format_version": SCRUB_CURSOR_FORMAT_VERSION,
        "check": _check(fields),
        "cursor": fields,
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def decode_cursor(text: bytes, name: str) -> ScrubCursor:
    """What `encode_cursor` made `text` of.

    Raises:
        CorruptionError: it isn't what was written.
        UnknownFormatError: a newer Rucket wrote it.
    """
    try:
        document = json.loads(text)
        format_version = int(document["format_version"])
        if format_version != SCRUB_CURSOR_FORMAT_VERSION:
            raise UnknownFormatError(name, format_version, SCRUB_CURSOR_FORMAT_VERSION)
        fields = document["cursor"]
        if document["check"] != _check(fields):
            raise CorruptionError(name, "its check doesn't fit")
        return ScrubCursor(
            cycle_started_ms=int(fields["cycle_started_ms"]),
            stage=ScrubStage(fields["stage"]),
            table=int(fields["table"]),
            position=bytes.fromhex(fields["position"]),
            offset_bytes=int(fields["offset_bytes"]),
            error_count=int(fields["error_count"]),
            last_completed_ms=int(fields["last_completed_ms"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptionError(name, "it isn't what was written") from error


def _check(fields: object) -> int:
    return crc32c(json.dumps(fields, sort_keys=True).encode())


class ScrubCursorFile:
    """The `CursorKeeper` of `rucket.service.scrubbing`. All calls block."""

    def __init__(self, disk: Disk, path: str) -> None:
        self._disk = disk
        self._path = path

    def load(self) -> ScrubCursor | None:
        """The cursor that was saved; None if none ever was.

        Raises:
            CorruptionError, UnknownFormatError: as `decode_cursor`.
            DeviceError: it can't be read.
        """
        try:
            file = self._disk.open(self._path)
        except FileNotFoundError:
            return None
        try:
            return decode_cursor(file.read_at(0, file.size_bytes()), self._path)
        finally:
            file.close()

    def save(self, cursor: ScrubCursor) -> None:
        """Replaces what is there; a crash leaves the one or the other.

        Raises:
            StorageFullError, DeviceError: it can't be written; what was there still is.
        """
        directory = posixpath.dirname(self._path)
        self._disk.make_directory(directory)
        unfinished = self._path + ".new"
        with contextlib.suppress(FileNotFoundError):
            self._disk.remove(unfinished)
        file = self._disk.create(unfinished)
        try:
            file.write_at(0, [encode_cursor(cursor)])
            file.sync_data()
        finally:
            file.close()
        self._disk.rename(unfinished, self._path)
        self._disk.sync_directory(directory)
