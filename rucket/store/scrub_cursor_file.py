"""The file that keeps a `ScrubCursor` across restarts: JSON, replaced as a whole.

::

    {"format_version": 1, "check": CRC32C of the JSON of "cursor", "cursor": {…}}

It is a note and no promise: a scrubber without it begins a new cycle.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from rucket.model.scrub_cursor import ScrubCursor, ScrubStage
from rucket.store.small_documents import DocumentFormat, read_small_file, replace_small_file

if TYPE_CHECKING:
    from rucket.ports.disk import Disk

SCRUB_CURSOR_FORMAT_VERSION = 1
_FORMAT = DocumentFormat(SCRUB_CURSOR_FORMAT_VERSION, "cursor")


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
    return _FORMAT.encode(fields)


def decode_cursor(text: bytes, name: str) -> ScrubCursor:
    """What `encode_cursor` made `text` of.

    Raises:
        CorruptionError: it isn't what was written.
        UnknownFormatError: a newer Rucket wrote it.
    """
    return _FORMAT.decode(text, name, _interpret)


def _interpret(fields: dict[str, Any]) -> ScrubCursor:
    return ScrubCursor(
        cycle_started_ms=int(fields["cycle_started_ms"]),
        stage=ScrubStage(fields["stage"]),
        table=int(fields["table"]),
        position=bytes.fromhex(fields["position"]),
        offset_bytes=int(fields["offset_bytes"]),
        error_count=int(fields["error_count"]),
        last_completed_ms=int(fields["last_completed_ms"]),
    )


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
            return decode_cursor(read_small_file(self._disk, self._path), self._path)
        except FileNotFoundError:
            return None

    def save(self, cursor: ScrubCursor) -> None:
        """Replaces what is there; a crash leaves the one or the other.

        Raises:
            StorageFullError, DeviceError: it can't be written; what was there still is.
        """
        self._disk.make_directory(posixpath.dirname(self._path))
        replace_small_file(self._disk, self._path, encode_cursor(cursor))
