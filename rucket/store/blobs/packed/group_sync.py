"""One sync for all who wait for one.

::

    the first waits for the sync that is running, if any, closes the group, syncs, and tells ...
    ... the others, who have joined the group until it was closed, and wait

A group is closed right before its sync begins, so that the sync covers what everybody in it has
written. Nobody waits for a timer, and who is alone waits for nothing but the sync. After a failed
sync the kernel takes what it could not write for clean: a second one would succeed without it, so
there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import DeviceError, OperatingError

if TYPE_CHECKING:
    from rucket.ports.disk import File
    from rucket.ports.threads import Signal, Threads


class _Group:
    __slots__ = ("done", "error")

    def __init__(self, done: Signal) -> None:
        self.done = done
        self.error: OperatingError | None = DeviceError("its sync was cut short")


class GroupSync:
    """The syncs of one file. All calls block.

    Attributes:
        has_failed: whether a sync has; every later one fails, too.
    """

    def __init__(self, file: File, path: str, threads: Threads) -> None:
        self._file = file
        self._path = path
        self._threads = threads
        self._lock = threads.lock()
        self._turn = threads.lock()
        self._gathering: _Group | None = None
        self.has_failed = False

    def sync(self) -> None:
        """Returns once everything that was written before the call survives a power cut.

        Raises:
            DeviceError, StorageFullError: it may not; nothing written to the file since the sync
                before may.
        """
        with self._lock:
            group = self._gathering
            is_first = group is None
            if group is None:
                group = self._gathering = _Group(self._threads.signal())
        if is_first:
            self._sync_all(group)
        else:
            group.done.wait()
        if group.error is not None:
            # The system's own error stays the cause, as the `Disk` port has it.
            cause = group.error.__cause__ or group.error
            raise DeviceError(f"{self._path}: {group.error}") from cause

    def _sync_all(self, group: _Group) -> None:
        with self._turn:
            with self._lock:
                self._gathering = None
            try:
                if self.has_failed:
                    group.error = DeviceError("a sync before has failed")
                else:
                    self._file.sync_data()
                    group.error = None
            except OperatingError as error:
                self.has_failed = True
                group.error = error
            finally:
                group.done.set()
