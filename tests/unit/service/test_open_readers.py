"""Down to where a process reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import StorageFullError
from rucket.service.open_readers import OpenReaders
from rucket.service.read_floor import publish_floor
from tests.unit.service.actions import put
from tests.unit.service.payloads import MIB, content
from tests.unit.service.world import World

if TYPE_CHECKING:
    from rucket.service.open_readers import ReadEpoch

_LEASE_S_MAX = 10.0


@given(st.lists(st.one_of(st.just("begin"), st.integers(0, 5), st.just("rise")), max_size=60))
def test_no_floor_is_above_what_an_open_reader_may_see(steps: list[str | int]) -> None:
    """Whatever begins and ends when; a reader takes its snapshot after it has begun."""
    readers = OpenReaders()
    applied_hlc = 100
    open_reads: list[tuple[ReadEpoch, int]] = []
    for step in steps:
        applied_hlc += 1
        if step == "begin":
            open_reads.append((readers.begin(), applied_hlc))
        elif step == "rise":
            floor_hlc = readers.raise_floor(applied_hlc, 0.0)
            assert all(floor_hlc <= seen for _, seen in open_reads)
            assert open_reads or floor_hlc == applied_hlc
        elif isinstance(step, int) and step < len(open_reads):
            open_reads.pop(step)[0].end()

    for epoch, _ in open_reads:
        epoch.end()
    assert readers.raise_floor(applied_hlc, 0.0) == applied_hlc


def test_a_reader_counts_for_a_bounded_time() -> None:
    """Garbage can't be kept for ever by a client that reads a byte an hour."""
    readers = OpenReaders(_LEASE_S_MAX)
    readers.raise_floor(10, 100.0)
    slow = readers.begin()

    assert readers.raise_floor(20, 100.0 + _LEASE_S_MAX - 1) == 10
    assert readers.raise_floor(30, 100.0 + _LEASE_S_MAX) == 30
    slow.end()


class _Lease:
    def __init__(self) -> None:
        self.floors: list[int] = []
        self.is_broken = False

    def publish(self, floor_hlc: int) -> None:
        if self.is_broken:
            raise StorageFullError("full")
        self.floors.append(floor_hlc)


def test_a_stream_keeps_the_floor_down_until_it_is_closed() -> None:
    """What is read at once doesn't; a publication that fails is made up for by the next."""
    world = World()
    lease = _Lease()

    async def scenario() -> None:
        await put(world, "key", content(3 * MIB))
        await publish_floor(world.gateway, lease)
        opened = await world.open("key")
        await put(world, "other", b"x")
        await publish_floor(world.gateway, lease)
        await world.close(opened)
        lease.is_broken = True
        await publish_floor(world.gateway, lease)
        lease.is_broken = False
        await publish_floor(world.gateway, lease)

    world.run(scenario())

    before, during, after = lease.floors
    assert before == during < after
