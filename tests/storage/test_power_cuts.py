"""Power cuts at every operation: what was promised is there afterwards.

The default run tries every single sector, name and commit at every moment, and cuts a part of the
recoveries again, chosen by seed (all of them for the workloads in `CUT_TWICE`).
``RUCKET_STORAGE_EXHAUSTIVE=1``, or ``python -m tests.storage``, cuts all of them again.
"""

from __future__ import annotations

import pytest

from tests.storage.claims import History
from tests.storage.node import Layout, Wiring
from tests.storage.power_cuts import (
    Search,
    come_back,
    default_plan,
    exhaustive_plan,
    is_exhaustive,
)
from tests.storage.recording import Life, Recording
from tests.storage.survivors import Thoroughness, after_kill, after_power_cut
from tests.storage.workloads import WORKLOADS, Workload

KINDS = (
    "write",
    "sync in",
    "link",
    "rename",
    "remove",
    "sync directory",
    "allocate",
    "create",
    "commit",
    "sync of index",
)


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS.keys())
def test_every_cut_leaves_what_was_promised(workload: Workload) -> None:
    """Whatever a cut, a kill or a refused sync leaves: the store opens, every answered operation is
    there, every other one is whole or absent, what was read stays true, and new commits are taken.
    """
    plan = exhaustive_plan(workload) if is_exhaustive() else default_plan(workload)
    recording = workload.record()
    search = Search(Wiring(), workload.layout, plan)

    search.go_through(recording)

    assert search.cut_count == len(recording.moments)
    assert search.state_count > search.cut_count


def test_every_kind_of_operation_is_cut() -> None:
    """No method of the `Disk` port that changes the device is left out by the workloads."""
    done = {
        kind
        for workload in WORKLOADS.values()
        for moment in workload.record().moments
        for kind in KINDS
        if moment.what.startswith(kind)
    }

    assert done == set(KINDS)


def test_recordings_are_the_same_every_time() -> None:
    """A failure that was seen once can be seen again."""
    workload = WORKLOADS["two gateways"]

    whats = [[moment.what for moment in workload.record().moments] for _ in range(2)]

    assert whats[0] == whats[1]


def test_segment_of_a_killed_node_is_named_durably_before_it_is_used() -> None:
    """A node that is killed right before it syncs the name of a new segment leaves one that the
    next node goes on in: what that acknowledges survives a power cut.
    """
    recording = WORKLOADS["rotation"].record()
    moment = next(
        moment for moment in recording.moments if moment.what == "sync directory /data/log"
    )
    claims = recording.history.claims_at(moment.number)
    life = Life("restarted", after_kill(moment.image).image, Wiring(), Layout(), claims)
    life.start_recording()
    restarted = come_back(life, "restarted", claims)

    for survivor in after_power_cut(restarted.moments[-1].image, Thoroughness(), "cut"):
        claims = restarted.history.claims_at(restarted.moments[-1].number)
        come_back(Life("cut", survivor.image, Wiring(), Layout(), claims), "cut", claims)


class TestHistory:
    """What a client may find after a crash."""

    def test_answered_operation_is_there(self) -> None:
        """Nothing but the last answered body is allowed."""
        history = History({"key": frozenset({None})})
        history.start("key", b"old", 1).ended = 2
        history.start("key", b"new", 3).ended = 4

        assert history.claims_at(5) == {"key": frozenset({b"new"})}

    def test_operation_on_its_way_is_there_or_not(self) -> None:
        """The old body and the new one are allowed, before and after."""
        history = History({"key": frozenset({b"old"})})
        history.start("key", b"new", 1).ended = 3

        assert history.claims_at(0) == {"key": frozenset({b"old"})}
        assert history.claims_at(2) == {"key": frozenset({b"old", b"new"})}

    def test_concurrent_operations_may_win_either_way(self) -> None:
        """Of two that overlap and were both answered, one is there."""
        history = History({"key": frozenset({None})})
        history.start("key", b"one", 1).ended = 4
        history.start("key", b"two", 2).ended = 5

        assert history.claims_at(6) == {"key": frozenset({b"one", b"two"})}

    def test_what_was_read_stays(self) -> None:
        """A body that a client has read counts as answered."""
        history = History({"key": frozenset({None})})
        history.start("key", b"new", 1)
        history.saw("key", b"new", 2)

        assert history.claims_at(2) == {"key": frozenset({b"new"})}


def test_a_recording_begins_and_ends() -> None:
    """There is an image before the first operation and one after the last."""
    recording: Recording = WORKLOADS["put inline"].record()

    assert recording.moments[0].what.startswith("write")
    assert recording.moments[-1].what == "the end"
