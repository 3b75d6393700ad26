"""Taking a blob file apart, block by block, without stopping at the first damage. Blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.store.blobs.layout import (
    CHECK_SIZE_BYTES,
    FOOTER_SIZE_BYTES,
    decode_checks,
    decode_footer,
)

if TYPE_CHECKING:
    from rucket.ports.disk import Disk, File
    from rucket.store.blobs.layout import Footer


@dataclass(slots=True)
class BlobInspection:
    """A blob file.

    Attributes:
        footer: None if it can't be read.
        damage: what is wrong besides blocks; empty if nothing is.
        damaged_blocks: numbers of the blocks whose checks don't fit.
    """

    path: str
    file_size_bytes: int
    footer: Footer | None = None
    damage: str = ""
    damaged_blocks: list[int] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether it is what was written."""
        return not self.damage and not self.damaged_blocks


def inspect_blob(disk: Disk, path: str) -> BlobInspection:
    """Reads a blob file to its end.

    Raises:
        FileNotFoundError: there is none.
        DeviceError: it can't be read.
    """
    file = disk.open(path)
    try:
        found = BlobInspection(path, file.size_bytes())
        try:
            _read(file, found)
        except (CorruptionError, UnknownFormatError) as error:
            found.damage = str(error)
    finally:
        file.close()
    return found


def _read(file: File, found: BlobInspection) -> None:
    start = max(0, found.file_size_bytes - FOOTER_SIZE_BYTES)
    footer = decode_footer(file.read_at(start, FOOTER_SIZE_BYTES), found.path)
    found.footer = footer
    if footer.file_size_bytes != found.file_size_bytes:
        detail = f"its footer says {footer.file_size_bytes} bytes, it has {found.file_size_bytes}"
        raise CorruptionError(found.path, detail)
    table = file.read_at(footer.data_size_bytes, footer.block_count * CHECK_SIZE_BYTES)
    checks = decode_checks(table, footer, found.path)
    for number, check in enumerate(checks):
        offset = number * footer.block_size_bytes
        size_bytes = min(footer.block_size_bytes, footer.data_size_bytes - offset)
        if crc32c(file.read_at(offset, size_bytes)) != check:
            found.damaged_blocks.append(number)
