"""What a power cut may take where answers don't wait for the sync. Source: docs/consistency.md.

`test_power_cuts` shows, for every moment, that nothing which was synced is lost, and that a killed
process loses nothing. Here: that what isn't synced stays within the window, and that what is lost
is the end of the log, never something in it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rucket.store.sync_strategy import SyncMode
from rucket.store.wal.wal import Wal
from tests.storage.node import Wiring
from tests.storage.recording import Life, Moment, Recording
from tests.storage.survivors import Thoroughness, after_power_cut
from tests.storage.workloads import WORKLOADS, Workload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.ports.log import ApplyEntries, LogEntry, RefusePayloads

# Steps of blocking work take up to so long, on the simulated machine.
_STEP_S = 0.02
_RELAXED = {
    name: workload for name, workload in WORKLOADS.items() if not workload.layout.sync.is_always
}
_THOROUGHNESS = Thoroughness(single_sectors=False, mixture_count=3, every_commit=False)


class _NotedWal(Wal):
    """A log that notes what was applied, and when."""

    entries: list[LogEntry]
    applied_s: dict[int, float]

    async def run(self, apply: ApplyEntries, refuse: RefusePayloads) -> None:
        """See `Log.run`."""
        self.entries, self.applied_s = [], {}

        def note(entries: Sequence[LogEntry]) -> None:
            self.entries.extend(entries)
            for entry in entries:
                self.applied_s[entry.sequence_number] = self._clock.monotonic_s()
            apply(entries)

        await super().run(note, refuse)


def _record(workload: Workload) -> tuple[Recording, _NotedWal]:
    wals: list[_NotedWal] = []

    class KeptWal(_NotedWal):
        def open(self) -> None:
            wals.append(self)
            super().open()

    return workload.record(Wiring(wal=KeptWal)), wals[0]


@pytest.mark.parametrize("workload", _RELAXED.values(), ids=_RELAXED.keys())
def test_what_is_not_synced_stays_within_the_window(workload: Workload) -> None:
    """At every moment: no older than two periods, no more than twice the threshold."""
    recording, wal = _record(workload)
    strategy = workload.layout.sync

    unsynced = [moment.applied - moment.synced for moment in recording.moments]

    assert max(unsynced) > 0, "answers don't wait"
    if strategy.mode is SyncMode.THRESHOLD:
        assert max(unsynced) <= 2 * strategy.threshold_operations
    if strategy.mode is SyncMode.PERIODIC:
        ages = [
            moment.now_s - wal.applied_s[moment.synced + 1]
            for moment in recording.moments[:-1]  # nobody is at work at the end
            if moment.synced < moment.applied and moment.synced + 1 in wal.applied_s
        ]
        assert max(ages) <= 2 * strategy.period_s + 3 * _STEP_S


@pytest.mark.parametrize("workload", _RELAXED.values(), ids=_RELAXED.keys())
def test_what_a_power_cut_takes_is_the_end_of_the_log(workload: Workload) -> None:
    """What is left of the log is what was written, from the first entry that is kept to some later
    one that is no older than the newest that was synced; nothing is missing in between.
    """
    recording, wal = _record(workload)
    lost_count = 0

    for moment in recording.moments:
        for survivor in after_power_cut(moment.image, _THOROUGHNESS, moment.number):
            first, left = _log_after(workload, survivor.image, moment)

            last = first - 1 + len(left)
            assert left == wal.entries[first - 1 : last]
            assert last >= moment.synced, survivor.label
            lost_count += last < moment.applied

    assert lost_count > 0, "a power cut loses something"


def _log_after(workload: Workload, image: object, moment: Moment) -> tuple[int, list[LogEntry]]:
    """The number of the first entry that the log holds, and all entries."""
    layout = replace(workload.layout, is_interleaved=False)
    life = Life(f"after {moment.number}", image, Wiring(), layout, {})  # type: ignore[arg-type]
    life.node.recover()
    first = life.node.wal.first_sequence_number()
    return first, [entry for entries in life.node.wal.replay(first - 1) for entry in entries]


def test_a_pause_is_used_to_sync() -> None:
    """Under threshold, less than a threshold doesn't stay unsynced when nothing more comes."""
    recording, _ = _record(WORKLOADS["threshold"])

    last = next(m for m in reversed(recording.moments) if m.applied == m.synced)

    assert last.applied >= 10


def test_a_checkpoint_syncs_the_log_before_the_index() -> None:
    """An index never becomes durable with entries that a power cut could still take."""
    recording, _ = _record(WORKLOADS["never, checkpoint"])

    index_syncs = [m for m in recording.moments if m.what.startswith("sync of index")]

    assert index_syncs
    assert all(moment.synced == moment.applied for moment in index_syncs)
