"""The bytes of a simulated file, as programs see them and as the device has them.

A write changes what programs see at once, and waits for a sync to reach the device. When power is
cut before that, each sector has any of the contents it had since the last sync, whatever became of
its neighbours; now and then it is torn, which is the beginning of a newer content and the end of an
older one. The size is any of those the file had since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from rucket.ports.disk import Buffer

PAGE_SIZE_BYTES = 4096
SECTOR_SIZES_BYTES = (512, 4096)

_ZEROS = bytes(PAGE_SIZE_BYTES)
_KEEP_PROBABILITIES = (0.0, 0.1, 0.5, 0.9, 1.0)
_TORN_PROBABILITY = 0.05


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    data: bytes
    size_bytes_after: int


class FileContents:
    """Sparse: pages that were never written are zeros."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self.allocated_pages: set[int] = set()
        self._pages: dict[int, bytearray] = {}
        self._durable_pages: dict[int, bytes] = {}
        self._durable_size_bytes = 0
        self._unsynced: list[_Write] = []

    @property
    def unsynced_count(self) -> int:
        """How many writes have not been synced."""
        return len(self._unsynced)

    def missing_pages(self, offset: int, size_bytes: int) -> list[int]:
        """The pages of a range that still have to be allocated."""
        first, last = offset // PAGE_SIZE_BYTES, (offset + size_bytes - 1) // PAGE_SIZE_BYTES
        return [page for page in range(first, last + 1) if page not in self.allocated_pages]

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Up to `size_bytes` bytes; fewer only at the end of the file."""
        end = min(offset + size_bytes, self.size_bytes)
        if end <= offset:
            return b""
        first = offset // PAGE_SIZE_BYTES
        pages = range(first, (end - 1) // PAGE_SIZE_BYTES + 1)
        data = b"".join(self._pages.get(page, _ZEROS) for page in pages)
        start = offset - first * PAGE_SIZE_BYTES
        return data[start : start + end - offset]

    def write(self, offset: int, data: bytes) -> None:
        """Writes `data` where programs see it."""
        if not data:
            return
        for page, start, piece in _by_page(offset, data):
            content = self._pages.setdefault(page, bytearray(PAGE_SIZE_BYTES))
            content[start : start + len(piece)] = piece
        self.size_bytes = max(self.size_bytes, offset + len(data))
        self._unsynced.append(_Write(offset, data, self.size_bytes))

    def extend(self, size_bytes: int) -> None:
        """Makes the file at least `size_bytes` long, as posix_fallocate does."""
        self.size_bytes = max(self.size_bytes, size_bytes)
        self._unsynced.append(_Write(0, b"", self.size_bytes))

    def sync(self) -> None:
        """Brings to the device what has been written."""
        for write in self._unsynced:
            for page, _, _ in _by_page(write.offset, write.data):
                self._durable_pages[page] = bytes(self._pages[page])
        self._durable_size_bytes = self.size_bytes
        self._unsynced.clear()

    def fail_sync(self, random: random.Random) -> None:
        """Some of what was written reaches the device, and the rest is forgotten: a later sync
        succeeds without it. Programs go on seeing all of it, or not."""
        durable, size_bytes = self._after_power_cut(random)
        self._durable_pages, self._durable_size_bytes = durable, size_bytes
        self._unsynced.clear()
        if random.random() < 0.5:
            self._show_durable()

    def lose_unsynced(self, random: random.Random) -> None:
        """Power is cut, and comes back."""
        self._durable_pages, self._durable_size_bytes = self._after_power_cut(random)
        self._unsynced.clear()
        self._show_durable()

    def _show_durable(self) -> None:
        self._pages = {page: bytearray(data) for page, data in self._durable_pages.items()}
        self.size_bytes = self._durable_size_bytes

    def _after_power_cut(self, random: random.Random) -> tuple[dict[int, bytes], int]:
        durable = dict(self._durable_pages)
        keep = random.choice(_KEEP_PROBABILITIES)
        if not self._unsynced or keep == 0.0:
            return durable, self._durable_size_bytes
        sector_size = random.choice(SECTOR_SIZES_BYTES)
        for sector, contents in self._sector_histories(sector_size).items():
            content = _surviving(contents, keep, random)
            page, start = divmod(sector * sector_size, PAGE_SIZE_BYTES)
            old = durable.get(page, _ZEROS)
            durable[page] = old[:start] + content + old[start + sector_size :]
        if keep == 1.0:
            size_bytes = self.size_bytes
        else:
            sizes = [self._durable_size_bytes]
            sizes.extend(write.size_bytes_after for write in self._unsynced)
            size_bytes = random.choice(sizes)
        return _cut(durable, size_bytes), size_bytes

    def _sector_histories(self, sector_size: int) -> dict[int, list[bytes]]:
        """For each sector written since the last sync what it held, the durable content first."""
        histories: dict[int, list[bytes]] = {}
        for write in self._unsynced:
            if not write.data:
                continue
            end = write.offset + len(write.data)
            for sector in range(write.offset // sector_size, (end - 1) // sector_size + 1):
                at = sector * sector_size
                history = histories.setdefault(sector, [self._durable_sector(at, sector_size)])
                start, stop = max(write.offset, at), min(end, at + sector_size)
                piece = write.data[start - write.offset : stop - write.offset]
                old = history[-1]
                history.append(old[: start - at] + piece + old[stop - at :])
        return histories

    def _durable_sector(self, offset: int, size_bytes: int) -> bytes:
        page, start = divmod(offset, PAGE_SIZE_BYTES)
        return self._durable_pages.get(page, _ZEROS)[start : start + size_bytes]


def _surviving(contents: list[bytes], keep: float, random: random.Random) -> bytes:
    if keep == 1.0:
        return contents[-1]
    if random.random() >= keep:
        return contents[0]
    newest = random.randrange(1, len(contents))
    if random.random() < _TORN_PROBABILITY:
        cut = random.randrange(len(contents[0]))
        return contents[newest][:cut] + contents[newest - 1][cut:]
    return contents[newest]


def _cut(pages: dict[int, bytes], size_bytes: int) -> dict[int, bytes]:
    """`pages` without what lies beyond the end of the file."""
    last, rest = divmod(size_bytes, PAGE_SIZE_BYTES)
    kept = {page: data for page, data in pages.items() if page < last}
    if rest and last in pages:
        kept[last] = pages[last][:rest] + _ZEROS[rest:]
    return kept


def _by_page(offset: int, data: Buffer) -> list[tuple[int, int, Buffer]]:
    """Page, offset in the page and piece, for each page that a write touches."""
    pieces = []
    done = 0
    while done < len(data):
        page, start = divmod(offset + done, PAGE_SIZE_BYTES)
        piece = data[done : done + PAGE_SIZE_BYTES - start]
        pieces.append((page, start, piece))
        done += len(piece)
    return pieces
