"""Data directories of earlier versions are brought up to date, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw
import msgspec
import pytest

from rucket.daemon.offline_check import verify_data_directory
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, OutdatedFormatError
from rucket.ports.index import Table
from rucket.state.outcomes import Outcome, RecentOutcomes
from rucket.store.index.sqlite_index import INDEX_FORMAT_VERSION, SqliteIndex, SqliteIndexReader
from rucket.store.index.sqlite_rows import ATTACHMENT_IN_ROW_BYTES_MAX
from tests.golden.directories import Row, unpack

if TYPE_CHECKING:
    from pathlib import Path


def _rows(index: SqliteIndex) -> list[Row]:
    with index.snapshot() as snapshot:
        return [
            (table, *row) for table in Table for row in snapshot.scan_whole(table, b"", 100_000)
        ]


def _without_outcomes(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row[0] is not Table.OUTCOMES]


def test_an_index_of_format_2_is_migrated(tmp_path: Path) -> None:
    """Row by row the same; long attachments lie apart, and nothing of the old index is left."""
    rows = unpack("format-2", tmp_path / "data")
    path = tmp_path / "data/index/index.db"

    index = SqliteIndex(str(path), OsDisk())
    migrated = _rows(index)
    index.close()

    assert migrated == rows
    assert [file.name for file in path.parent.iterdir()] == ["index.db"]
    connection = apsw.Connection(str(path))
    assert connection.pragma("user_version") == INDEX_FORMAT_VERSION == 3
    assert connection.execute("SELECT count(*) FROM attachments").get == sum(
        len(attachment) > ATTACHMENT_IN_ROW_BYTES_MAX for _, _, _, attachment in rows
    )
    connection.close()
    assert verify_data_directory(tmp_path / "data", None).problems == []


def test_an_index_of_format_1_is_migrated(tmp_path: Path) -> None:
    """Row by row the same, but for OUTCOMES; with checks of the current format."""
    rows = unpack("format-1", tmp_path / "data")
    path = str(tmp_path / "data/index/index.db")

    index = SqliteIndex(path, OsDisk())
    migrated = _rows(index)
    with index.snapshot() as snapshot:
        recent = RecentOutcomes(snapshot)
    index.close()

    assert _without_outcomes(migrated) == _without_outcomes(rows)
    outcomes = [
        msgspec.msgpack.decode(row[2], type=tuple[int, bytes, Outcome])
        for row in rows
        if row[0] is Table.OUTCOMES
    ]
    assert outcomes
    assert all(recent.get(commit_id) == outcome for _, commit_id, outcome in outcomes)
    assert apsw.Connection(path).pragma("user_version") == INDEX_FORMAT_VERSION
    assert verify_data_directory(tmp_path / "data", None).problems == []


@pytest.mark.parametrize("name", ["format-1", "format-2"])
def test_an_earlier_index_is_not_changed_by_who_only_reads(tmp_path: Path, name: str) -> None:
    """The message says what to do."""
    unpack(name, tmp_path / "data")

    with pytest.raises(OutdatedFormatError, match="start the server once"):
        SqliteIndexReader(str(tmp_path / "data/index/index.db"))


@pytest.mark.parametrize(
    ("table", "column"),
    [(Table.USERS, "value"), (Table.OBJECTS, "attachment")],
    ids=["value", "attachment"],
)
@pytest.mark.parametrize("format_version", [1, 2])
def test_damage_is_not_covered_up_by_a_migration(
    tmp_path: Path, format_version: int, table: Table, column: str
) -> None:
    """A row whose old check doesn't fit gets no new one: the index stays as it is, alone."""
    unpack(f"format-{format_version}", tmp_path / "data")
    path = tmp_path / "data/index/index.db"
    connection = apsw.Connection(str(path))
    connection.execute(f"UPDATE t{table} SET {column} = x'00112233445566'")
    connection.close()

    with pytest.raises(CorruptionError, match=table.name):
        SqliteIndex(str(path), OsDisk())

    assert apsw.Connection(str(path)).pragma("user_version") == format_version
    assert not [file for file in path.parent.iterdir() if not file.name.startswith("index.db")]
