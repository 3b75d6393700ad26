"""The simulated index: transactions, snapshots and what a crash leaves of them."""

from __future__ import annotations

import pytest

from rucket.ports.index import Table
from tests.simulator.errors import ProcessKilled
from tests.simulator.machine import SimulatedMachine
from tests.simulator.scheduler import Scheduler
from tests.simulator.trace import Trace

TABLE = Table.OBJECTS


def new_machine(seed: int = 1) -> SimulatedMachine:
    """A machine with an empty index."""
    return SimulatedMachine(Scheduler(seed, Trace()), "machine")


def test_transaction_that_fails_leaves_nothing() -> None:
    """An exception rolls back."""
    machine = new_machine()
    index = machine.index_file.open(machine.start("process"))

    def fail() -> None:
        with index.transaction() as transaction:
            transaction.put(TABLE, b"key", b"value")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()

    with index.snapshot() as snapshot:
        assert snapshot.get(TABLE, b"key") is None


def test_snapshot_does_not_see_later_commits() -> None:
    """Rows stay as they were when the snapshot was taken; the next one sees the change."""
    machine = new_machine()
    index = machine.index_file.open(machine.start("process"))
    with index.transaction() as transaction:
        transaction.put(TABLE, b"a", b"1", b"attachment")

    with index.snapshot() as snapshot:
        with index.transaction() as transaction:
            transaction.put(TABLE, b"a", b"2")
            transaction.put(TABLE, b"b", b"3")
        assert snapshot.get_with_attachment(TABLE, b"a") == (b"1", b"attachment")
        assert snapshot.scan(TABLE, b"", None, 10) == [(b"a", b"1")]

    with index.snapshot() as later:
        assert later.scan(TABLE, b"", None, 10) == [(b"a", b"2"), (b"b", b"3")]


def test_transaction_sees_its_own_changes() -> None:
    """Reads and scans of a transaction show what it has put and deleted."""
    machine = new_machine()
    index = machine.index_file.open(machine.start("process"))
    with index.transaction() as transaction:
        for key in (b"a", b"b", b"c"):
            transaction.put(TABLE, key, b"old")

    with index.transaction() as transaction:
        transaction.delete(TABLE, b"a")
        transaction.put(TABLE, b"bb", b"new")

        assert transaction.get(TABLE, b"a") is None
        assert transaction.scan(TABLE, b"a", b"c", 2) == [(b"b", b"old"), (b"bb", b"new")]


def test_power_cut_leaves_some_commit_since_the_last_sync() -> None:
    """The rows are those of one commit: never of half of one, never of one before the sync."""
    seen = set()
    for seed in range(60):
        machine = new_machine(seed)
        index = machine.index_file.open(machine.start("process"))
        for number in range(5):
            with index.transaction() as transaction:
                transaction.put(TABLE, b"number", b"%d" % number)
                transaction.put(TABLE, b"again", b"%d" % number)
            if number == 2:
                index.sync()
        machine.cut_power()
        with machine.index_file.open(machine.start("process")).snapshot() as snapshot:
            found = snapshot.get(TABLE, b"number")
            assert found == snapshot.get(TABLE, b"again")
        seen.add(found)

    assert seen == {b"2", b"3", b"4"}


def test_killed_process_keeps_commits_and_loses_the_open_transaction() -> None:
    """`kill -9` in a transaction leaves what was committed, and the next writer can go on."""
    machine = new_machine()
    process = machine.start("process")
    index = machine.index_file.open(process)
    with index.transaction() as transaction:
        transaction.put(TABLE, b"a", b"committed")

    def die() -> None:
        with index.transaction() as transaction:
            transaction.put(TABLE, b"a", b"open")
            process.kill()

    with pytest.raises(ProcessKilled):
        die()

    with machine.index_file.open(machine.start("next")).transaction() as transaction:
        assert transaction.get(TABLE, b"a") == b"committed"
