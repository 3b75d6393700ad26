"""One sync for all who wait."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

import pytest

from rucket.model.errors import DeviceError
from rucket.runtime.system_threads import SystemThreads
from rucket.store.blobs.packed.group_sync import GroupSync

if TYPE_CHECKING:
    from rucket.ports.disk import File


class _SlowFile:
    """Syncs only when it may."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.sync_count = 0
        self.error: DeviceError | None = None

    def sync_data(self) -> None:
        """See `File.sync_data`."""
        self.sync_count += 1
        self.began.release()
        assert self.may_end.acquire(timeout=20)
        if self.error is not None:
            raise self.error


class _Waiters:
    def __init__(self, group: GroupSync) -> None:
        self._group = group
        self.threads: list[threading.Thread] = []
        self.errors: list[DeviceError] = []
        self.done = threading.Semaphore(0)

    def add(self, count: int) -> None:
        for _ in range(count):
            self.threads.append(threading.Thread(target=self._wait))
            self.threads[-1].start()

    def _wait(self) -> None:
        try:
            self._group.sync()
        except DeviceError as error:
            self.errors.append(error)
        self.done.release()


def _joined(group: GroupSync) -> bool:
    return group._gathering is not None


def test_those_who_come_during_a_sync_share_the_next_one() -> None:
    """The one that is running may have begun before their writes."""
    file = _SlowFile()
    group = GroupSync(cast("File", file), "file", SystemThreads())
    waiters = _Waiters(group)
    waiters.add(1)
    assert file.began.acquire(timeout=20)
    waiters.add(7)
    while not _joined(group) or sum(thread.is_alive() for thread in waiters.threads) < 8:
        pass

    file.may_end.release()
    assert waiters.done.acquire(timeout=20)
    assert file.began.acquire(timeout=20)
    for _ in range(8):
        file.may_end.release()
    for thread in waiters.threads:
        thread.join(20)

    assert waiters.errors == []
    assert 2 <= file.sync_count <= 8


def test_a_failed_sync_fails_all_it_covered_and_all_after() -> None:
    """And there is no second one."""
    file = _SlowFile()
    group = GroupSync(cast("File", file), "file", SystemThreads())
    file.error = DeviceError("injected")
    waiters = _Waiters(group)
    waiters.add(1)
    assert file.began.acquire(timeout=20)
    waiters.add(3)
    while not _joined(group):
        pass
    file.may_end.release()
    for thread in waiters.threads:
        thread.join(20)

    assert len(waiters.errors) == 4
    assert file.sync_count == 1
    with pytest.raises(DeviceError, match="before has failed"):
        group.sync()
