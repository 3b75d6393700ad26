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
    assert apsw.Connection(path).pragma("user_version") == INDEX_FORMAT_VERSION == 2
    assert verify_data_directory(tmp_path / "data", None).problems == []


def test_an_index_of_format_1_is_not_changed_by_who_only_reads(tmp_path: Path) -> None:
    """The message says what to do."""
    unpack("format-1", tmp_path / "data")

    with pytest.raises(OutdatedFormatError, match="start the server once"):
        SqliteIndexReader(str(tmp_path / "data/index/index.db"))


def test_damage_is_not_covered_up_by_a_migration(tmp_path: Path) -> None:
    """A row whose old check doesn't fit gets no new one: the index stays as it is."""
    unpack("format-1", tmp_path / "data")
    path = str(tmp_path / "data/index/index.db")
    connection = apsw.Connection(path)
    connection.execute(f"UPDATE t{Table.USERS} SET value = x'00112233445566'")
    connection.close()

    with pytest.raises(CorruptionError, match="USERS"):
        SqliteIndex(path, OsDisk())

    assert apsw.Connection(path).pragma("user_version") == 1
