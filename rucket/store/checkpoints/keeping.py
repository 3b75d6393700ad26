"""The checkpoints of a node: two are kept, and the log from the older one on.

So the index can always be built again, even if the newer one turns out to be damaged. A node that
has fewer than two keeps all of its log.
"""

from __future__ import annotations

import contextlib
import logging
import posixpath
from typing import TYPE_CHECKING, Final

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.store.checkpoints.files import (
    SUFFIX,
    UNFINISHED_SUFFIX,
    list_checkpoints,
    no_pace,
    verify_checkpoint,
    write_checkpoint,
)

if TYPE_CHECKING:
    from rucket.ports.disk import Disk
    from rucket.ports.index import IndexReader
    from rucket.store.checkpoints.files import CheckpointFile, Pace

KEPT_COUNT: Final = 2
DAMAGED_SUFFIX: Final = ".damaged"

_logger = logging.getLogger(__name__)


class LogNeededByCheckpoints:
    """Says from which record on checkpoints need the log: a bound of `Store`."""

    def __init__(self, disk: Disk, directory: str) -> None:
        self._disk = disk
        self._directory = directory

    def first_needed(self) -> int:
        """The sequence number behind the older of the two newest checkpoints; 1 while there
        aren't two.
        """
        checkpoints = list_checkpoints(self._disk, self._directory)
        if len(checkpoints) < KEPT_COUNT:
            return 1
        return checkpoints[-KEPT_COUNT].position + 1


def forget_checkpoints_after(disk: Disk, directory: str, position: int) -> None:
    """Removes checkpoints that show records which are lost, or given up: others will get their
    numbers. Durable on return.
    """
    lost = [each for each in list_checkpoints(disk, directory) if each.position > position]
    for checkpoint in lost:
        _logger.warning("%s shows records that are lost: it is removed", checkpoint.path)
        disk.remove(checkpoint.path)
    if lost:
        disk.sync_directory(directory)


class CheckpointKeeper:
    """Makes checkpoints and lets go of old ones. All calls block.

    Args:
        disk: where everything is.
        directory: of the checkpoints; made when it is needed.
        index: its alone: a checkpoint is one long transaction.
        pace: see `write_checkpoint`.
    """

    def __init__(
        self, disk: Disk, directory: str, index: IndexReader, pace: Pace = no_pace
    ) -> None:
        self._disk = disk
        self._directory = directory
        self._index = index
        self._pace = pace

    def newest_position(self) -> int:
        """That of the newest checkpoint; 0 if there is none."""
        checkpoints = list_checkpoints(self._disk, self._directory)
        return checkpoints[-1].position if checkpoints else 0

    def take(self) -> CheckpointFile:
        """Makes a checkpoint, durably, then lets go of those that are no longer kept.

        Raises:
            CorruptionError: a row of the index isn't what was written.
            StorageFullError, DeviceError: it can't be written; those that were there still are.
        """
        with self._index.snapshot() as snapshot:
            checkpoint = write_checkpoint(self._disk, self._directory, snapshot, self._pace)
        self._let_go()
        return checkpoint

    def _let_go(self) -> None:
        """Removes all but the newest two, and nothing before two have been read to their ends."""
        whole: list[CheckpointFile] = []
        for checkpoint in reversed(list_checkpoints(self._disk, self._directory)):
            if len(whole) == KEPT_COUNT:
                self._disk.remove(checkpoint.path)
            elif self._is_whole(checkpoint.path):
                whole.append(checkpoint)
        for name in self._disk.list_directory(self._directory):
            if name.endswith(SUFFIX + UNFINISHED_SUFFIX):
                with contextlib.suppress(FileNotFoundError):
                    self._disk.remove(posixpath.join(self._directory, name))

    def _is_whole(self, path: str) -> bool:
        try:
            verify_checkpoint(self._disk, path, self._pace)
        except (CorruptionError, UnknownFormatError) as error:
            _logger.error("a checkpoint can't be used: %s; it is kept as *.damaged", error)  # noqa: TRY400 -- the message says it all
            self._disk.rename(path, path + DAMAGED_SUFFIX)
            self._disk.sync_directory(self._directory)
            return False
        return True
