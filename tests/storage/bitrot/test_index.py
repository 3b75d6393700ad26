"""Bit rot in the index: no row is ever shown that isn't what was written, and none is lost unseen.

Source: docs/on_disk_format.md, "What finds damage".
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, OperatingError, UnknownFormatError
from rucket.model.scrub_cursor import ScrubCursor, ScrubStage
from rucket.ports.index import Table
from rucket.service.row_scrubbing import scrub_rows
from rucket.state.row_contents import decode_row
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader
from tests.storage.bitrot.image import Image, RowKey, Stored, flipped
from tests.storage.bitrot.places import flips, some_of
from tests.unit.fakes import FakeRandom

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.service.scrub_findings import Finding

PAGE_SIZE_BYTES = 4096
SEEN_BY_STRUCTURE_ONLY = {Table.PARTS, Table.COMPLETED_UPLOADS, Table.OUTCOMES, Table.GARBAGE}
"""Tables whose hidden rows nothing refers to: SQLite's own check finds them."""


@dataclass(slots=True)
class Observed:
    """What readers get to see.

    Attributes:
        rows: what was returned, by point reads and scans.
        missing: rows that point reads or scans said aren't there.
        refused: how many reads raised an error.
    """

    rows: dict[RowKey, set[Stored | bytes]] = field(default_factory=dict)
    missing: set[RowKey] = field(default_factory=set)
    refused: int = 0


def _observe(reader: SqliteIndexReader, wanted: dict[RowKey, Stored]) -> Observed:
    """Reads every row by its key, as requests do, and every table in order, as listings do."""
    seen = Observed()
    for table, key in wanted:
        try:
            with reader.snapshot() as snapshot:
                found = snapshot.get_with_attachment(table, key)
        except OperatingError:
            seen.refused += 1
            continue
        if found is None:
            seen.missing.add((table, key))
        elif _can_be_used(table, key, found):
            seen.rows.setdefault((table, key), set()).add(found)
        else:
            seen.refused += 1
    for table in Table:
        try:
            with reader.snapshot() as snapshot:
                rows = snapshot.scan(table, b"", None, 10_000)
        except OperatingError:
            seen.refused += 1
            continue
        for key, value in rows:
            seen.rows.setdefault((table, key), set()).add(value)
        listed = {(table, key) for key, _ in rows}
        seen.missing |= {row for row in wanted if row[0] is table} - listed
    return seen


def _can_be_used(table: Table, key: bytes, stored: Stored) -> bool:
    """Damage may turn an attachment into none: then the layer above has nothing to decode."""
    try:
        decode_row(table, key, *stored)
    except (CorruptionError, UnknownFormatError):
        return False
    return True


def _scrub(reader: SqliteIndexReader, blobs: FileBlobs) -> list[Finding]:
    cursor = ScrubCursor(0, table=int(min(Table)))
    findings: list[Finding] = []
    while cursor.stage is ScrubStage.ROWS:
        portion = scrub_rows(reader, blobs, cursor)
        findings += portion.findings
        cursor = portion.cursor
    return findings


@pytest.fixture(scope="module")
def checkpointed(image: Image, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A data directory whose index is in one file, and that file."""
    root = tmp_path_factory.mktemp("checkpointed")
    image.write(root)
    index = SqliteIndex(str(root / "index/index.db"), OsDisk())
    index.sync()
    index.close()
    assert not (root / "index/index.db-wal").exists()
    return root, (root / "index/index.db").read_bytes()


def _offsets(data: bytes) -> list[int]:
    """All of the file's header, the headers and first cell pointers of all pages, and a part of
    everything else; with RUCKET_BITROT=all really all (some minutes).
    """
    if os.environ.get("RUCKET_BITROT") == "all":
        return list(range(len(data)))
    offsets = set(range(160))
    for page in range(PAGE_SIZE_BYTES, len(data), PAGE_SIZE_BYTES):
        offsets |= set(range(page, page + 24))
    return sorted(offsets | set(some_of(0, len(data), 900, 5)))


def test_a_changed_byte_of_the_index_is_never_served(
    image: Image, checkpointed: tuple[Path, bytes]
) -> None:
    """Whatever is returned is what was written; a row that can't be found any more is found missing
    by the scrubber: by what refers to it or, in a few tables, by the check of pages alone.
    """
    root, data = checkpointed
    path = root / "index/index.db"
    blobs = FileBlobs(OsDisk(), str(root / "blobs"), 0, FakeRandom())
    seen_as: Counter[str] = Counter()
    wrong: list[tuple[int, int, RowKey]] = []
    lost: list[tuple[int, int]] = []
    for offset, mask in flips(_offsets(data), 6):
        path.write_bytes(flipped(data, offset, mask))
        try:
            reader = SqliteIndexReader(str(path), is_inspection=True)
        except OperatingError:
            seen_as["refused when opened"] += 1
            continue
        try:
            seen = _observe(reader, image.rows)
            for row, values in seen.rows.items():
                assert values <= {image.rows[row], image.rows[row][0]}, (offset, mask, row)
            if seen.refused:
                seen_as["refused when read"] += 1
            elif not seen.missing:
                is_found = bool(reader.structure_problems())
                seen_as["found by the scrubber, no row affected" if is_found else "harmless"] += 1
            elif _scrub(reader, blobs):
                seen_as["row hidden, found by the scrubber"] += 1
            else:
                if not reader.structure_problems():
                    lost.append((offset, mask))
                tables = {table for table, _ in seen.missing}
                assert tables <= SEEN_BY_STRUCTURE_ONLY, (offset, mask, tables)
                seen_as["row hidden, found by the scrubber in the pages alone"] += 1
        finally:
            reader.close()

    print(dict(seen_as))
    assert (wrong, lost) == ([], [])
    assert seen_as["refused when read"] > 100
