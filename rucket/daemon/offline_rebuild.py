"""Building the index of a stopped server again, and accepting it as the truth when the log is lost.

Both change nothing before they know that what comes out is whole.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.offline_access import offline
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import (
    ConfigurationError,
    CorruptionError,
    DataDirectoryError,
    DeviceError,
    OutdatedFormatError,
    UnknownFormatError,
)
from rucket.state.rows import applied_position
from rucket.store.checkpoints.files import list_checkpoints, look_at_checkpoint, verify_checkpoint
from rucket.store.checkpoints.keeping import forget_checkpoints_after
from rucket.store.index.replacement import (
    discard_unfinished,
    finish_replacement,
    replace_index,
    unfinished_path,
)
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader
from rucket.store.rebuilding import is_reached, load_checkpoint, replay_entries
from rucket.store.wal.reading import LogExtent, log_extent, read_entries

if TYPE_CHECKING:
    from pathlib import Path

    from rucket.daemon.offline_report import Progress
    from rucket.store.checkpoints.files import CheckpointFile

_NOT_RUNNING = "stop it first"


@dataclass(frozen=True, slots=True)
class RebuildChoice:
    """What an operator wants.

    Attributes:
        checkpoint: this one and no other.
        from_log_alone: no checkpoint at all.
        accept_loss: even if what comes out shows less than was acknowledged.
    """

    checkpoint: Path | None = None
    from_log_alone: bool = False
    accept_loss: bool = False


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was done.

    Attributes:
        position: the newest record that the new index shows.
        checkpoint_position: that of the checkpoint it began with; 0 for none.
        old_position: what the old index showed; None if that can't be told.
    """

    position: int
    checkpoint_position: int
    old_position: int | None


def rebuild_index(data_dir: Path, choice: RebuildChoice, progress: Progress) -> Rebuilt:
    """Builds the index again, beside the old one, and then puts it in its place. A crash at any
    moment leaves the old one or the new one.

    Raises:
        ConfigurationError: it is no data directory, a server uses it, or the checkpoint that was
            asked for doesn't fit.
        CorruptionError: what there is can't be read, doesn't reach far enough, or shows less than
            was acknowledged. Nothing was changed.
        StorageFullError, DeviceError: the disk doesn't let us. Nothing was changed.
    """
    with offline(data_dir, _NOT_RUNNING):
        disk = OsDisk()
        directory = DataDirectory(str(data_dir), disk)
        disk.make_directory(posixpath.dirname(directory.index))
        finish_replacement(disk, directory.index)
        log = log_extent(disk, directory.log)
        checkpoint = _choose(disk, directory, log, choice)
        position = _position_after(log, checkpoint)
        old_position = _position_shown(directory.index)
        if not choice.accept_loss:
            _refuse_loss(disk, directory, position, old_position)
        start = 0 if checkpoint is None else checkpoint.position
        try:
            _build(disk, directory, checkpoint, position, progress)
        except BaseException:
            discard_unfinished(disk, directory.index)
            raise
        replace_index(disk, directory.index)
        forget_checkpoints_after(disk, directory.checkpoints, position)
        return Rebuilt(position, start, old_position)


def _build(
    disk: OsDisk,
    directory: DataDirectory,
    checkpoint: CheckpointFile | None,
    position: int,
    progress: Progress,
) -> None:
    """Fills a new index beside the old one, and closes it."""
    start = 0
    new = SqliteIndex(unfinished_path(directory.index), disk)
    try:
        if checkpoint is not None:
            load_checkpoint(new, disk, checkpoint, progress)
            start = checkpoint.position
        if position > start:
            replay_entries(new, read_entries(disk, directory.log, start), position, progress)
        with new.snapshot() as snapshot:
            shown, _ = applied_position(snapshot)
    finally:
        new.close()
    if shown != position:
        raise CorruptionError(directory.log, f"it ends with record {shown}, not {position}")


def _choose(
    disk: OsDisk, directory: DataDirectory, log: LogExtent | None, choice: RebuildChoice
) -> CheckpointFile | None:
    """The checkpoint to begin with; None for an index built from the log alone."""
    if choice.checkpoint is not None:
        try:
            chosen = look_at_checkpoint(disk, str(choice.checkpoint))
        except FileNotFoundError as error:
            raise ConfigurationError(f"there is no checkpoint {choice.checkpoint}") from error
        if log is not None and not is_reached(chosen, log) and not choice.accept_loss:
            raise ConfigurationError(
                f"{choice.checkpoint} shows record {chosen.position}, but the log holds records "
                f"{log.first_sequence_number} to {log.last_sequence_number}: it doesn't go on there"
            )
        verify_checkpoint(disk, chosen.path)
        return chosen
    if not choice.from_log_alone:
        for checkpoint in reversed(list_checkpoints(disk, directory.checkpoints)):
            is_lost = log is None or checkpoint.position > log.last_sequence_number
            if (log is not None and is_reached(checkpoint, log)) or (
                is_lost and choice.accept_loss
            ):
                try:
                    verify_checkpoint(disk, checkpoint.path)
                except CorruptionError:
                    continue  # the one before it may be whole
                return checkpoint
    if log is None or log.first_sequence_number > 1:
        begin = (
            "there is no log"
            if log is None
            else f"it begins with record {log.first_sequence_number}"
        )
        raise CorruptionError(
            directory.log,
            f"{begin}, and no checkpoint shows what came before: restore the data directory from a "
            "backup",
        )
    return None


def _position_after(log: LogExtent | None, checkpoint: CheckpointFile | None) -> int:
    if checkpoint is not None and (log is None or not is_reached(checkpoint, log)):
        return checkpoint.position
    return 0 if log is None else log.last_sequence_number


def _refuse_loss(
    disk: OsDisk, directory: DataDirectory, position: int, old_position: int | None
) -> None:
    known = max(
        (each.position for each in list_checkpoints(disk, directory.checkpoints)), default=0
    )
    if max(known, old_position or 0) > position:
        shown = (
            f"the index shows record {old_position}"
            if (old_position or 0) >= known
            else (f"a checkpoint shows record {known}")
        )
        raise CorruptionError(
            "the log",
            f"it can be read up to record {position} only, but {shown}: what is built from it "
            "would lose acknowledged records. rucket repair accept-index keeps what the index "
            "shows; --accept-loss gives the records up",
        )


def _position_shown(index_path: str) -> int | None:
    """What an index shows, if it can be read."""
    try:
        reader = SqliteIndexReader(index_path, is_inspection=True)
    except (
        CorruptionError,
        DataDirectoryError,
        DeviceError,
        OutdatedFormatError,
        UnknownFormatError,
    ):
        return None
    try:
        with reader.snapshot() as snapshot:
            return applied_position(snapshot)[0]
    except (CorruptionError, DeviceError):
        return None
    finally:
        reader.close()
