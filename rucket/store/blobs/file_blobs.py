"""Blobs that have a file each, on one device.

::

    files/XX/ID    XX is the third byte of the id, the first that is random
    foreign/PPPP/XX/ID   first written elsewhere, which PPPP says: the first two bytes of the id;
                   XX is the third. A node that was restored from a backup has such blobs
    XX/ID          with an id of format 1, in which the first byte is; nothing new is written here

A blob's file is made without a name, filled, given its name and synced, then the directory is
synced. So what has a name when it is needed is whole: a command that names the blob is only sent
after that. A name without a command (the gateway died in between) is an orphan, which the
maintenance process finds and removes. Where both may be synced later, they are handed over instead
(`rucket.store.blobs.late_sync`).
"""

from __future__ import annotations

import heapq
import itertools
import posixpath
from typing import TYPE_CHECKING

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, OperatingError
from rucket.model.names import ID_SIZE_BYTES, BlobId
from rucket.store.blobs.blob_ids import BlobKind, birth_of, new_file_blob_id
from rucket.store.blobs.layout import (
    BLOCK_SIZE_BYTES,
    CHECK_SIZE_BYTES,
    FOOTER_SIZE_BYTES,
    Footer,
    decode_checks,
    decode_footer,
    encode_tail,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rucket.ports.disk import Buffer, Disk, File
    from rucket.ports.random import Random
    from rucket.store.blobs.late_sync import LateSync

_TAIL_READ_BYTES = 4096
_DIRECTORY_COUNT = 256
_FILES = "files"
_FOREIGN = "foreign"
_ID_BYTE_OF_DIRECTORY = 2


class FileBlobs:
    """The blobs in `directory`, which `prepare` has made once. The `Blobs` port of one device.

    Args:
        disk: on which they are.
        directory: of the device.
        device_number: of the device; new ids carry it.
        random: for new ids.
        late: syncs what is finished; None: that is synced at once.
    """

    def __init__(
        self,
        disk: Disk,
        directory: str,
        device_number: int,
        random: Random,
        late: LateSync | None = None,
    ) -> None:
        self._disk = disk
        self._directory = directory
        self._device_number = device_number
        self._random = random
        self._late = late

    def prepare(self) -> None:
        """Makes the directories."""
        files = posixpath.join(self._directory, _FILES)
        self._disk.make_directory(files)
        names = [f"{number:02x}" for number in range(_DIRECTORY_COUNT)]
        self._disk.make_directories(files, names)

    def path(self, blob_id: BlobId) -> str:
        """Where the file of a blob is written, if there is one."""
        if birth_of(blob_id) is None:
            return self._path_of_format_1(blob_id)
        name = f"{blob_id[_ID_BYTE_OF_DIRECTORY]:02x}/{blob_id.hex()}"
        if blob_id[1] == self._device_number:
            return f"{self._directory}/{_FILES}/{name}"
        prefix = blob_id[:_ID_BYTE_OF_DIRECTORY].hex()
        return f"{self._directory}/{_FOREIGN}/{prefix}/{name}"

    def _path_of_format_1(self, blob_id: BlobId) -> str:
        return f"{self._directory}/{blob_id[0]:02x}/{blob_id.hex()}"

    def create(self, storage_class: str, size_bytes_expected: int | None) -> FileBlobWriter:
        """See `Blobs.create`. A device takes what it is given, of whatever class."""
        del storage_class
        blob_id = new_file_blob_id(self._device_number, self._random)
        path = self.path(blob_id)
        return FileBlobWriter(self._disk, path, blob_id, size_bytes_expected, self._late)

    def is_placed_for(self, blob_id: BlobId, storage_class: str) -> bool:
        """See `Blobs.is_placed_for`. All classes are at the same place."""
        del blob_id, storage_class
        return True

    def open_cached(self, blob_id: BlobId) -> FileBlobReader | None:
        """See `Blobs.open_cached`. To find a name may always take the device."""
        del blob_id
        return None

    def open(self, blob_id: BlobId) -> FileBlobReader:
        """See `Blobs.open`."""
        path = self.path(blob_id)
        try:
            file = self._disk.open(path)
        except FileNotFoundError:
            path = self._path_of_format_1(blob_id)
            file = self._disk.open(path)
        try:
            return FileBlobReader(file, path, blob_id)
        except BaseException:
            file.close()
            raise

    def delete(self, blob_id: BlobId) -> None:
        """See `Blobs.delete`. Not durable: what comes back after a power cut is garbage still."""
        for path in (self.path(blob_id), self._path_of_format_1(blob_id)):
            try:
                self._disk.remove(path)
            except FileNotFoundError:
                continue
            return

    def list_ids(self, after: BlobId | None, limit: int) -> list[tuple[BlobId, int]]:
        """See `Blobs.list_ids`."""
        present = set(self._disk.list_directory(self._directory))
        walks = [self._walk(self._directory, present, b"", after)]
        if _FILES in present:
            directory = posixpath.join(self._directory, _FILES)
            below = set(self._disk.list_directory(directory))
            # Of packed blobs, those that a restore has made, or that came back from quarantine.
            for kind in BlobKind:
                prefix = bytes([kind, self._device_number])
                walks.append(self._walk(directory, below, prefix, after))
        if _FOREIGN in present:
            foreign = posixpath.join(self._directory, _FOREIGN)
            for name in self._disk.list_directory(foreign):
                try:
                    prefix = bytes.fromhex(name)
                except ValueError:
                    continue  # not ours
                directory = posixpath.join(foreign, name)
                below = set(self._disk.list_directory(directory))
                walks.append(self._walk(directory, below, prefix, after))
        return list(itertools.islice(heapq.merge(*walks), limit))

    def _walk(
        self, directory: str, present: set[str], prefix: bytes, after: BlobId | None
    ) -> Iterator[tuple[BlobId, int]]:
        """The blobs in the directories below one that are `present` whose ids begin with `prefix`,
        in order: the byte behind it says in which they are.
        """
        first = 0
        if after is not None and after[: len(prefix)] >= prefix:
            first = after[len(prefix)] if after.startswith(prefix) else _DIRECTORY_COUNT
        for number in range(first, _DIRECTORY_COUNT):
            if f"{number:02x}" not in present:
                continue
            subdirectory = f"{directory}/{number:02x}"
            for name in self._disk.list_directory(subdirectory):
                if not name.startswith(prefix.hex()):
                    continue
                try:
                    blob_id = BlobId(bytes.fromhex(name))
                    if len(blob_id) == ID_SIZE_BYTES and (after is None or blob_id > after):
                        yield blob_id, self._disk.modified_ms(f"{subdirectory}/{name}")
                except (FileNotFoundError, ValueError):
                    continue  # gone meanwhile, or not ours


class FileBlobWriter:
    """The `BlobWriter` port.

    Attributes:
        blob_id: what the blob will be called.
    """

    def __init__(
        self,
        disk: Disk,
        path: str,
        blob_id: BlobId,
        size_bytes_expected: int | None,
        late: LateSync | None = None,
    ) -> None:
        self._disk = disk
        self._late = late
        self._path = path
        self._directory = posixpath.dirname(path)
        self.blob_id = blob_id
        self._file: File | None = disk.create_unnamed(self._directory)
        self._is_named = False
        self._size_bytes = 0
        self._checks: list[int] = []
        self._block_crc = 0
        if size_bytes_expected is not None:
            block_count = -(-size_bytes_expected // BLOCK_SIZE_BYTES)
            tail_size_bytes = block_count * CHECK_SIZE_BYTES + FOOTER_SIZE_BYTES
            try:
                self._file.allocate(size_bytes_expected + tail_size_bytes)
            except OperatingError:
                self.abort()
                raise

    def write(self, data: Buffer) -> None:
        """See `BlobWriter.write`."""
        assert self._file is not None
        view = memoryview(data)
        self._file.write_at(self._size_bytes, [view])
        start = 0
        while start < len(view):
            room = BLOCK_SIZE_BYTES - (self._size_bytes + start) % BLOCK_SIZE_BYTES
            piece = view[start : start + room]
            self._block_crc = crc32c(piece, self._block_crc)
            start += len(piece)
            if len(piece) == room:
                self._checks.append(self._block_crc)
                self._block_crc = 0
        self._size_bytes += len(view)

    def finish(self) -> BlobId:
        """See `BlobWriter.finish`."""
        assert self._file is not None
        if self._size_bytes % BLOCK_SIZE_BYTES:
            self._checks.append(self._block_crc)
        tail = encode_tail(self.blob_id, self._size_bytes, self._checks)
        self._file.write_at(self._size_bytes, [tail])
        # Named before it is synced, so that the file system can make both durable at once. A name
        # whose file isn't whole can be left by a crash in between, but no command knows it.
        self._file.link(self._path)
        self._is_named = True
        if self._late is None:
            self._file.sync_data()
            self._disk.sync_directory(self._directory)
            self._file.close()
        else:
            self._late.take_file(self._file, self._directory, self._size_bytes)
        self._file = None
        return self.blob_id

    def abort(self) -> None:
        """See `BlobWriter.abort`."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if self._is_named:
                self._disk.remove(self._path)


class FileBlobReader:
    """The `BlobReader` port."""

    def __init__(self, file: File, path: str, blob_id: BlobId) -> None:
        self._file = file
        self._path = path
        file_size_bytes = file.size_bytes()
        tail_offset = max(0, file_size_bytes - _TAIL_READ_BYTES)
        tail = file.read_at(tail_offset, file_size_bytes - tail_offset)
        footer = decode_footer(tail, path)
        if footer.blob_id != blob_id or footer.file_size_bytes > file_size_bytes:
            raise CorruptionError(path, "it is another blob than its name says, or cut short")
        self._checks = decode_checks(self._read_checks(footer, tail), footer, path)
        self._block_size_bytes = footer.block_size_bytes
        self.size_bytes = footer.data_size_bytes

    def _read_checks(self, footer: Footer, tail: bytes) -> bytes:
        size_bytes = footer.block_count * CHECK_SIZE_BYTES
        start = len(tail) - FOOTER_SIZE_BYTES - size_bytes
        if start >= 0:
            return tail[start : start + size_bytes]
        return self._file.read_at(footer.data_size_bytes, size_bytes)

    def read(self, offset: int, size_bytes: int) -> bytes:
        """See `BlobReader.read`."""
        start, end = self._whole_blocks(offset, size_bytes)
        data = self._file.read_at(start, end - start)
        self._verify(data, start, end)
        return data[offset - start : offset - start + size_bytes]

    def read_cached(self, offset: int, size_bytes: int) -> bytes | None:
        """See `BlobReader.read_cached`."""
        start, end = self._whole_blocks(offset, size_bytes)
        data = self._file.read_cached_at(start, end - start)
        if data is None:
            return None
        self._verify(data, start, end)
        return data[offset - start : offset - start + size_bytes]

    def _whole_blocks(self, offset: int, size_bytes: int) -> tuple[int, int]:
        assert offset >= 0
        assert offset + size_bytes <= self.size_bytes
        block = self._block_size_bytes
        end = -(-(offset + size_bytes) // block) * block
        return offset // block * block, min(end, self.size_bytes)

    def _verify(self, data: bytes, start: int, end: int) -> None:
        if len(data) != end - start:
            raise CorruptionError(self._path, f"it ends at byte {start + len(data)}")
        view = memoryview(data)
        block = self._block_size_bytes
        number = start // block
        for first in range(0, len(view), block):
            if crc32c(view[first : first + block]) != self._checks[number]:
                raise CorruptionError(self._path, f"the check of block {number} doesn't fit")
            number += 1

    def close(self) -> None:
        """See `BlobReader.close`."""
        self._file.close()
