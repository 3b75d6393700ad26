"""Bit rot in the log, blobs and small files: every changed byte is harmless or found.

Source: docs/on_disk_format.md, "What finds damage".
"""

from __future__ import annotations

import posixpath
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from rucket.daemon.data_directory import DataDirectory
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.service.sealed_secrets import SecretSealer
from rucket.state.rows import find_access_key
from rucket.store.blobs.file_blobs import FileBlobReader, FileBlobs
from rucket.store.blobs.inspection import inspect_blob
from rucket.store.index.sqlite_index import SqliteIndexReader
from rucket.store.scrub_cursor_file import decode_cursor
from rucket.store.wal.frame import BLOCK_SIZE_BYTES, decode_segment_header
from rucket.store.wal.recovery import read_frames
from tests.storage.bitrot.image import SECRET, flipped
from tests.storage.bitrot.places import flips, some_of
from tests.unit.fakes import FakeRandom

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.ports.log import LogEntry
    from rucket.store.wal.frame import SegmentHeader
    from tests.storage.bitrot.image import Image

FOUND = (CorruptionError, UnknownFormatError)


class MemoryFile:
    """A file to read from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def size_bytes(self) -> int:
        return len(self._data)

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        return self._data[offset : offset + size_bytes]

    def close(self) -> None:
        pass


def _entries(name: str, data: bytes, successor: SegmentHeader | None) -> list[LogEntry]:
    return [
        entry
        for frame, _ in read_frames(name, data, successor)
        if frame is not None
        for entry in frame.entries
    ]


def _segments(image: Image) -> list[str]:
    return [name for name in image.files if name.startswith("wal/")]


def test_a_changed_byte_of_the_log_is_found_or_harmless(image: Image) -> None:
    """Every byte of segment and frame headers, and a part of the rest. What can be read is what was
    written; only the newest frame may be missing, which looks like a batch that was cut off.
    """
    names = _segments(image)
    headers = [decode_segment_header(image.files[name], name) for name in names]
    seen: Counter[str] = Counter()
    for place, name in enumerate(names):
        data = image.files[name]
        successor = headers[place + 1] if place + 1 < len(names) else None
        whole = _entries(name, data, successor)
        used = len(data.rstrip(b"\0"))
        offsets = {*range(64), *some_of(0, used, 600, 1), *some_of(used, len(data), 30, 2)}
        for block in range(BLOCK_SIZE_BYTES, used, BLOCK_SIZE_BYTES):
            offsets |= set(range(block, block + 48)) if block < 8 * BLOCK_SIZE_BYTES else set()
        for offset, mask in flips(sorted(offsets), place):
            try:
                entries = _entries(name, flipped(data, offset, mask), successor)
            except FOUND:
                seen["found"] += 1
                continue
            if entries == whole:
                seen["harmless"] += 1
                continue
            assert successor is None, (name, offset)
            assert entries == whole[:-1], (name, offset)
            seen["taken for a batch that was cut off"] += 1

    assert len(names) >= 3
    assert seen["found"] > 1000
    assert seen["taken for a batch that was cut off"] > 10


def test_a_changed_byte_of_a_blob_is_never_served(image: Image) -> None:
    """Every byte of a small blob, of footers and of block checks, and a part of the rest; the
    block that holds it can't be read, the others can.
    """
    for number, blob_id in enumerate(image.blob_ids):
        name = FileBlobs(OsDisk(), "blobs", 0, FakeRandom()).path(blob_id)
        data = image.files[name]
        whole = FileBlobReader(MemoryFile(data), name, blob_id)  # type: ignore[arg-type]
        size_bytes = whole.size_bytes
        offsets = some_of(0, size_bytes, 9_000 if number == 0 else 150, number)
        offsets += range(size_bytes, len(data))
        for offset, mask in flips(offsets, number):
            try:
                file = MemoryFile(flipped(data, offset, mask))
                reader = FileBlobReader(file, name, blob_id)  # type: ignore[arg-type]
            except FOUND:
                assert offset >= size_bytes
                continue
            with pytest.raises(CorruptionError):
                reader.read(offset, 1)
            other = (offset + size_bytes // 2) % size_bytes
            if other // 131_072 != offset // 131_072:
                assert reader.read(other, 1) == whole.read(other, 1)


def test_an_inspection_names_the_blocks_that_are_damaged(image: Image, tmp_path: Path) -> None:
    """And no others."""
    blob_id = image.blob_ids[2]
    name = FileBlobs(OsDisk(), "blobs", 0, FakeRandom()).path(blob_id)
    path = tmp_path / "blob"

    path.write_bytes(flipped(image.files[name], 200_000, 1))
    assert inspect_blob(OsDisk(), str(path)).damaged_blocks == [1]
    path.write_bytes(flipped(image.files[name], 300_001, 1))
    assert "block checks" in inspect_blob(OsDisk(), str(path)).damage
    path.write_bytes(image.files[name][:-1])
    assert not inspect_blob(OsDisk(), str(path)).is_whole
    path.write_bytes(image.files[name])
    assert inspect_blob(OsDisk(), str(path)).is_whole


def test_a_changed_byte_of_the_identity_is_found_or_harmless(image: Image, tmp_path: Path) -> None:
    """Every byte, every single bit."""
    path = tmp_path / "rucket.json"
    directory = DataDirectory(str(tmp_path), OsDisk())
    data = image.files["rucket.json"]
    path.write_bytes(data)
    whole = directory.read_identity()
    for offset in range(len(data)):
        for bit in range(8):
            path.write_bytes(flipped(data, offset, 1 << bit))
            try:
                assert directory.read_identity() == whole
            except FOUND:
                continue


def test_a_changed_byte_of_the_sealing_key_is_found_on_use(image: Image, tmp_path: Path) -> None:
    """Every byte: no secret opens, none opens as another one."""
    image.write(tmp_path)
    reader = SqliteIndexReader(str(tmp_path / "index/index.db"), is_inspection=True)
    with reader.snapshot() as snapshot:
        access_key = find_access_key(snapshot, "ALICEKEY")
    reader.close()
    assert access_key is not None
    data = image.files["keys/sealing.key"]
    assert SecretSealer(data).open(access_key) == SECRET
    for offset, mask in flips(range(len(data)), 3):
        with pytest.raises(CorruptionError):
            SecretSealer(flipped(data, offset, mask)).open(access_key)


def test_a_changed_byte_of_the_scrub_cursor_is_found_or_harmless(image: Image) -> None:
    """Every byte, every single bit."""
    name = posixpath.join("state", "scrub.json")
    data = image.files[name]
    whole = decode_cursor(data, name)
    for offset in range(len(data)):
        for bit in range(8):
            try:
                assert decode_cursor(flipped(data, offset, 1 << bit), name) == whole
            except FOUND:
                continue
