"""Compaction at a bounded rate."""

from __future__ import annotations

import asyncio

import pytest

from rucket.model.errors import DeviceError
from rucket.ports.index import Table
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.service.compaction import REST_S, PacedCompaction, named_blobs
from tests.unit.fakes import FakeIndex


class _Device:
    """Takes so many bytes in each step of a pass."""

    def __init__(self, *costs: int) -> None:
        self._costs = list(costs)

    def step(self) -> int:
        cost = self._costs.pop(0)
        if cost < 0:
            raise DeviceError("injected")
        return cost


async def _pauses(devices: list[_Device], count: int) -> list[float]:
    paced = PacedCompaction(AsyncioTasks(1), devices, bytes_per_s_max=100)
    return [await paced.step() for _ in range(count)]


def test_steps_are_paid_for_and_a_pass_is_followed_by_a_rest() -> None:
    """The rest comes when all devices have had their turn."""
    pauses = asyncio.run(_pauses([_Device(50, 10, 0), _Device(200, 0)], 5))

    assert pauses == [0.5, 0.1, 0.0, 2.0, REST_S]


def test_a_device_that_fails_keeps_no_other_from_its_turn() -> None:
    """The error is told, and the next step is another device's."""

    async def run() -> float:
        paced = PacedCompaction(AsyncioTasks(1), [_Device(-1), _Device(70)], 100)
        with pytest.raises(DeviceError):
            await paced.step()
        return await paced.step()

    assert asyncio.run(run()) == 0.7


def test_blobs_that_rows_name_are_found_by_the_beginning_of_their_ids() -> None:
    """All of them, however many, and no others."""
    index = FakeIndex()
    wanted = [b"segment1" + number.to_bytes(8, "big") for number in range(2500)]
    with index.transaction() as transaction:
        for key in [b"segment0" + bytes(8), *wanted, b"segment2" + bytes(8)]:
            transaction.put(Table.BLOB_REFERENCES, key, b"1")

    assert list(named_blobs(index, b"segment1")) == wanted
    assert list(named_blobs(index, b"segment3")) == []
