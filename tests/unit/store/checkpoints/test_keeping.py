"""Checkpoints as files: they are whole, two are kept, and the index can be built from each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError
from rucket.ports.index import Table
from rucket.ports.log import LogEntry
from rucket.state.apply import apply_entries
from rucket.state.commands import encode_command
from rucket.state.outcomes import RecentOutcomes
from rucket.state.rows import put_applied_position
from rucket.store.checkpoints.files import (
    list_checkpoints,
    read_checkpoint,
    verify_checkpoint,
    write_checkpoint,
)
from rucket.store.checkpoints.keeping import CheckpointKeeper, LogNeededByCheckpoints
from rucket.store.index.sqlite_index import SqliteIndex
from rucket.store.rebuilding import load_checkpoint, replay_entries
from tests.storage.checkpoints import all_rows_of
from tests.unit.fakes import FakeIndex
from tests.unit.state.command_logs import command_logs

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.state.commands import Command


class Stop(Exception):
    """Ends the writing of a checkpoint."""


def _index(position: int, row_count: int = 3) -> FakeIndex:
    index = FakeIndex()
    with index.transaction() as transaction:
        put_applied_position(transaction, position, position << 16)
        for number in range(row_count):
            transaction.put(Table.OBJECTS, b"key%06d" % number, b"v" * 100, b"a" * (number % 3))
    return index


def _progress(stage: str, done: int, total: int | None) -> None:
    assert stage
    assert total is None or done <= total


def test_a_checkpoint_holds_every_row(tmp_path: Path) -> None:
    """In several frames, in order, with attachments."""
    index = _index(7, 30_000)

    with index.snapshot() as snapshot:
        checkpoint = write_checkpoint(OsDisk(), str(tmp_path), snapshot)

    frames = list(read_checkpoint(OsDisk(), checkpoint.path))
    assert [row for rows in frames for row in rows] == all_rows_of(index)
    assert len(frames) > 2
    assert (checkpoint.position, checkpoint.row_count) == (7, 30_001)
    assert list_checkpoints(OsDisk(), str(tmp_path)) == [checkpoint]


def test_a_checkpoint_that_was_ended_leaves_nothing(tmp_path: Path) -> None:
    """The one that was there before still is."""
    first = CheckpointKeeper(OsDisk(), str(tmp_path), _index(1)).take()

    def stop(size_bytes: int) -> None:
        raise Stop(size_bytes)

    with pytest.raises(Stop):
        CheckpointKeeper(OsDisk(), str(tmp_path), _index(2, 30_000), stop).take()

    assert [path.name for path in tmp_path.iterdir()] == [first.path.rpartition("/")[2]]


def test_two_checkpoints_are_kept_and_the_log_behind_the_older(tmp_path: Path) -> None:
    """While there aren't two, all of the log is."""
    needed = LogNeededByCheckpoints(OsDisk(), str(tmp_path))
    seen = [needed.first_needed()]
    for position in (10, 20, 30, 40):
        CheckpointKeeper(OsDisk(), str(tmp_path), _index(position)).take()
        seen.append(needed.first_needed())

    assert seen == [1, 1, 11, 21, 31]
    assert [each.position for each in list_checkpoints(OsDisk(), str(tmp_path))] == [30, 40]


def test_a_damaged_checkpoint_does_not_count_as_kept(tmp_path: Path) -> None:
    """It is put aside, and an older one that is whole stays in its place."""
    for position in (10, 20):
        CheckpointKeeper(OsDisk(), str(tmp_path), _index(position)).take()
    damaged = tmp_path / f"{20:020}.ckpt"
    data = bytearray(damaged.read_bytes())
    data[100] ^= 1
    damaged.write_bytes(data)

    CheckpointKeeper(OsDisk(), str(tmp_path), _index(30)).take()

    assert [each.position for each in list_checkpoints(OsDisk(), str(tmp_path))] == [10, 30]
    assert damaged.with_name(damaged.name + ".damaged").exists()


def test_every_changed_byte_of_a_checkpoint_is_found(tmp_path: Path) -> None:
    """None of its rows is used."""
    with _index(5, 4).snapshot() as snapshot:
        checkpoint = write_checkpoint(OsDisk(), str(tmp_path), snapshot)
    path = tmp_path / "changed.ckpt"
    with open(checkpoint.path, "rb") as file:  # noqa: PTH123 - as it is named
        data = file.read()
    for offset in range(len(data)):
        changed = bytearray(data)
        changed[offset] ^= 1 << offset % 8
        path.write_bytes(changed)
        with pytest.raises(CorruptionError):
            verify_checkpoint(OsDisk(), str(path))
    for size_bytes in range(len(data)):
        path.write_bytes(data[:size_bytes])
        with pytest.raises(CorruptionError):
            verify_checkpoint(OsDisk(), str(path))
    path.write_bytes(data + b"\0")
    with pytest.raises(CorruptionError):
        verify_checkpoint(OsDisk(), str(path))


@settings(max_examples=40, deadline=None)
@given(commands=command_logs(), data=st.data())
def test_a_rebuilt_index_shows_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, commands: list[Command], data: st.DataObject
) -> None:
    """Whatever the history, wherever the checkpoint, however the records are batched."""
    directory = str(tmp_path_factory.mktemp("rebuilt"))
    entries = [
        LogEntry(number, number << 16, encode_command(command))
        for number, command in enumerate(commands, start=1)
    ]
    original = FakeIndex()
    recent = RecentOutcomes(original)
    cut = data.draw(st.integers(0, len(entries)))
    for number, entry in enumerate(entries, start=1):
        with original.transaction() as transaction:
            apply_entries([entry], transaction, recent)
        if number == cut:
            CheckpointKeeper(OsDisk(), directory, original).take()

    rebuilt = SqliteIndex(f"{directory}/index.db", OsDisk())
    try:
        for checkpoint in list_checkpoints(OsDisk(), directory):
            load_checkpoint(rebuilt, OsDisk(), checkpoint, _progress)
        size = data.draw(st.integers(1, 7))
        rest = entries[cut:]
        batches = [rest[first : first + size] for first in range(0, len(rest), size)]
        replay_entries(rebuilt, batches, len(entries), _progress)
        assert all_rows_of(rebuilt) == all_rows_of(original)
    finally:
        rebuilt.close()
