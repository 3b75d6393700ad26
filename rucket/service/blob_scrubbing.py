"""Verifying blobs, a bounded number of bytes at a time. Blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rucket.model.errors import (
    CorruptionError,
    DeviceError,
    DeviceUnavailableError,
    UnknownFormatError,
)
from rucket.model.names import BlobId
from rucket.model.scrub_cursor import ScrubCursor, ScrubStage
from rucket.ports.index import Table
from rucket.service.row_scrubbing import OPEN_COST_BYTES
from rucket.service.scrub_findings import Finding, FindingKind, Portion
from rucket.state.row_scan import read_rows
from rucket.state.rows import reference_count

if TYPE_CHECKING:
    from rucket.ports.blobs import BlobReader, Blobs
    from rucket.ports.index import IndexReader

BLOBS_PER_STEP: Final = 64
BYTES_PER_STEP: Final = 8 * 1024 * 1024
_PIECE_SIZE_BYTES: Final = 1024 * 1024


def scrub_blobs(index: IndexReader, blobs: Blobs, cursor: ScrubCursor) -> Portion:
    """Verifies some blobs, or a part of a large one, from the cursor on."""
    with index.snapshot() as snapshot:
        # A damaged row is found among the rows; here it only ends or shortens the list.
        read = read_rows(snapshot, Table.BLOB_REFERENCES, cursor.position, None, BLOBS_PER_STEP)
    portion = Portion(cursor)
    for key, _ in read.rows:
        offset = cursor.offset_bytes if key == cursor.position else 0
        done = _verify_some(index, blobs, BlobId(key), offset, portion)
        if done is not None:
            portion.cursor = replace(cursor, position=key, offset_bytes=done)
            return portion
        following = key + b"\0"
        portion.cursor = replace(cursor, position=following, offset_bytes=0)
        if portion.cost_bytes >= BYTES_PER_STEP:
            return portion
    if read.position is None:
        portion.cursor = replace(
            cursor, stage=ScrubStage.RESTING, table=0, position=b"", offset_bytes=0
        )
    else:
        portion.cursor = replace(cursor, position=read.position, offset_bytes=0)
    return portion


def verify_blob(reader: BlobReader, start: int, stop: int) -> None:
    """Reads the bytes of a blob from `start` to `stop`, and with them every block's check.

    Raises:
        CorruptionError: they aren't what was written.
        DeviceError: they can't be read.
    """
    for offset in range(start, stop, _PIECE_SIZE_BYTES):
        reader.read(offset, min(_PIECE_SIZE_BYTES, stop - offset))


def _verify_some(
    index: IndexReader, blobs: Blobs, blob_id: BlobId, offset: int, portion: Portion
) -> int | None:
    """Verifies a blob from `offset` on, as far as this step goes.

    Returns:
        How far it came; None at the end, and where there is nothing more to read.
    """
    seen = _read(blobs, blob_id, offset, portion)
    if seen.kind is FindingKind.BLOB_CORRUPT:
        seen = _read(blobs, blob_id, offset, portion)  # a second look, before it is moved away
    if seen.kind is not None:
        if _is_referenced(index, blob_id):
            portion.findings.append(Finding(seen.kind, blob_id.hex(), seen.detail, blob_id))
        return None
    if seen.stop is None:
        portion.blob_count += 1
    return seen.stop


@dataclass(frozen=True, slots=True)
class _Seen:
    """What came of reading: where to go on, or what is wrong."""

    stop: int | None = None
    kind: FindingKind | None = None
    detail: str = ""


def _read(blobs: Blobs, blob_id: BlobId, offset: int, portion: Portion) -> _Seen:
    portion.cost_bytes += OPEN_COST_BYTES
    try:
        reader = blobs.open(blob_id)
        try:
            size_bytes = reader.size_bytes
            start = min(offset, size_bytes)
            stop = min(start + BYTES_PER_STEP, size_bytes)
            portion.cost_bytes += stop - start
            verify_blob(reader, start, stop)
        finally:
            reader.close()
    except DeviceUnavailableError:
        return _Seen()  # all of it: said once, by who lost the device, and not for each blob
    except FileNotFoundError:
        return _Seen(kind=FindingKind.BLOB_MISSING, detail="there is no such blob")
    except CorruptionError as error:
        return _Seen(kind=FindingKind.BLOB_CORRUPT, detail=str(error))
    except (DeviceError, UnknownFormatError) as error:
        return _Seen(kind=FindingKind.BLOB_UNREADABLE, detail=str(error))
    portion.size_bytes += stop - start
    return _Seen(stop=stop if stop < size_bytes else None)


def _is_referenced(index: IndexReader, blob_id: BlobId) -> bool:
    """Whether a fresh snapshot knows it. A row that can't be read is no reason to think it gone."""
    try:
        with index.snapshot() as snapshot:
            return reference_count(snapshot, blob_id) > 0
    except CorruptionError:
        return True
