"""What is wrong with devices, as all processes of a node see it at once: a file for each, which a
stat finds.

::

    run/devices/N.failed    device N takes no blobs; what it has is read on
    run/devices/N.lost      device N could not be found

A mark is put up by the process that met the trouble, and stays until the next start of the server,
which looks at the device again. It needn't survive a power cut, since that is followed by a start.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import posixpath
from typing import TYPE_CHECKING

from rucket.model.errors import DeviceError, StorageFullError

if TYPE_CHECKING:
    from rucket.ports.disk import Disk

_logger = logging.getLogger(__name__)


@enum.unique
class Mark(enum.StrEnum):
    """What may be wrong. The values are the ends of names of files."""

    FAILED = "failed"
    LOST = "lost"


_CONSEQUENCES = {
    Mark.FAILED: "nothing more is written to it until the server is started again; reads go on",
    Mark.LOST: "what is on it can't be read, and nothing is written to it; all else goes on",
}


class DeviceMarks:
    """The marks of a node. All calls block.

    Args:
        disk: of the data directory.
        directory: made when it is needed.
        is_reader: changes nothing: what it is told it keeps for itself.
    """

    def __init__(self, disk: Disk, directory: str, *, is_reader: bool = False) -> None:
        self._disk = disk
        self._is_reader = is_reader
        self._directory = directory
        # For when even a mark can't be written: the process that knows at least obeys.
        self._known_here: set[tuple[int, Mark]] = set()

    def has(self, number: int, mark: Mark) -> bool:
        """Whether a device has a mark. As cheap as a look at one name."""
        if (number, mark) in self._known_here:
            return True
        try:
            self._disk.modified_ms(self._path(number, mark))
        except FileNotFoundError:
            return False
        return True

    def put_up(self, number: int, mark: Mark, place: str, reason: str) -> None:
        """Marks a device, and says so in the log if nobody has before."""
        if self.has(number, mark):
            return
        self._known_here.add((number, mark))
        if self._is_reader:
            return
        with contextlib.suppress(StorageFullError, DeviceError):
            self._disk.make_directory(self._directory)
            file = self._disk.create_unnamed(self._directory)
            try:
                file.write_at(0, [reason.encode(errors="replace")])
                file.link(self._path(number, mark))
            except FileExistsError:
                return  # another process met the same trouble at the same moment
            finally:
                file.close()
        _logger.error(
            "device %d (%s) is %s: %s; %s", number, place, mark.value, reason, _CONSEQUENCES[mark]
        )

    def take_down_all(self) -> None:
        """Removes all marks: a server starts."""
        self._known_here.clear()
        with contextlib.suppress(FileNotFoundError):
            for name in self._disk.list_directory(self._directory):
                self._disk.remove(posixpath.join(self._directory, name))

    def _path(self, number: int, mark: Mark) -> str:
        return f"{self._directory}/{number}.{mark.value}"
