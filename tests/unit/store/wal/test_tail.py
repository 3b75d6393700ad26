"""Following the log while it is written."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, LogPositionLostError
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.store.wal.tail import LogTail
from rucket.store.wal.wal import Wal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rucket.model.errors import OperatingError
    from rucket.ports.log import LogEntry

_SEGMENT_SIZE_BYTES = 64 * 1024
_MUCH = 1 << 30


async def _write(directory: Path, batches: Sequence[Sequence[bytes]], tail: _Reader | None) -> None:
    """A run of a node that writes these batches; `tail` reads after each."""
    tasks = AsyncioTasks(1)
    wal = Wal(OsDisk(), str(directory), tasks, SystemClock(), SystemRandom(), _SEGMENT_SIZE_BYTES)
    wal.open()
    applied = asyncio.Event()

    def apply(entries: Sequence[LogEntry]) -> None:
        if tail is not None:
            tail.written += entries
            tail.read(entries[-1].sequence_number)
        applied.set()

    def refuse(payloads: Sequence[bytes], error: OperatingError) -> None:
        raise AssertionError((payloads, error))

    running = asyncio.ensure_future(wal.run(apply, refuse))
    for batch in batches:
        applied.clear()
        for payload in batch:
            wal.submit(payload)
        await applied.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    tasks.close()
    wal.close()


class _Reader:
    """A consumer that remembers what was written and what it has read."""

    def __init__(self, directory: Path) -> None:
        self.tail = LogTail(OsDisk(), str(directory))
        self.written: list[LogEntry] = []
        self.found: list[LogEntry] = []
        self.size_bytes_max = _MUCH

    def read(self, last: int) -> None:
        position = self.found[-1].sequence_number if self.found else 0
        while position < last:
            entries = self.tail.read(position, last, self.size_bytes_max)
            assert entries
            self.found += entries
            position = entries[-1].sequence_number


@pytest.mark.parametrize("seed", range(5))
def test_every_record_is_read_once_and_in_order(tmp_path: Path, seed: int) -> None:
    """Live, across rotation and restarts of the node, whatever the batches are."""
    generator = random.Random(seed)
    reader = _Reader(tmp_path)
    reader.size_bytes_max = generator.choice((1, 10_000, _MUCH))
    for _ in range(3):
        batches = [
            [generator.randbytes(generator.choice((1, 500, 20_000))) for _ in range(count)]
            for count in (generator.randint(1, 6) for _ in range(12))
        ]
        asyncio.run(_write(tmp_path, batches, reader))
        if generator.random() < 0.5:
            reader.tail.close()

    assert reader.found == reader.written
    assert len(list(tmp_path.glob("*.wal"))) > 3
    assert LogTail(OsDisk(), str(tmp_path)).read(0, len(reader.written), _MUCH) == reader.written


def _filled(directory: Path) -> list[LogEntry]:
    reader = _Reader(directory)
    asyncio.run(_write(directory, [[b"%03d" % number * 3000] for number in range(40)], reader))
    reader.tail.close()
    return reader.written


def test_nothing_behind_what_is_asked_for_is_read(tmp_path: Path) -> None:
    """What the index doesn't show isn't committed."""
    written = _filled(tmp_path)
    tail = LogTail(OsDisk(), str(tmp_path))

    assert tail.read(0, 7, _MUCH) == written[:7]
    assert tail.read(7, 8, _MUCH) == written[7:8]
    assert tail.read(2, 5, _MUCH) == written[2:5]


@pytest.mark.parametrize("let_go", [2, 3])
def test_a_record_that_was_let_go_is_lost_and_the_first_that_is_left_is_named(
    tmp_path: Path, let_go: int
) -> None:
    """Before the consumer came, and while it reads."""
    written = _filled(tmp_path)
    tail, late = LogTail(OsDisk(), str(tmp_path)), LogTail(OsDisk(), str(tmp_path))
    assert tail.read(0, 1, _MUCH) == written[:1]
    segments = sorted(tmp_path.glob("*.wal"))
    for segment in segments[:let_go]:
        segment.unlink()

    for consumer, after in ((late, 0), (tail, 1)):
        with pytest.raises(LogPositionLostError) as lost:
            while True:  # what it still gets at it is given first
                after = consumer.read(after, 40, _MUCH)[-1].sequence_number  # noqa: PLW2901
        first = lost.value.first_sequence_number
        assert consumer.read(first - 1, 40, _MUCH) == written[first - 1 :]


def test_damage_to_what_was_committed_is_an_error(tmp_path: Path) -> None:
    """And never the end of the log."""
    written = _filled(tmp_path)
    newest = max(tmp_path.glob("*.wal"))
    data = bytearray(newest.read_bytes())
    place = data.index(written[-1].payload)
    data[place] ^= 1
    newest.write_bytes(data)
    tail = LogTail(OsDisk(), str(tmp_path))

    with pytest.raises(CorruptionError, match="it was committed"):
        tail.read(len(written) - 1, len(written), _MUCH)


def test_what_stands_behind_the_end_of_a_segment_is_not_read(tmp_path: Path) -> None:
    """A whole frame that was given up, as a repair leaves it: the next segment says where the end
    is."""
    asyncio.run(_write(tmp_path, [[b"kept"], [b"given up"]], None))
    segment = max(tmp_path.glob("*.wal"))
    whole = segment.read_bytes()
    second = whole.index(b"given up") // 4096 * 4096
    segment.write_bytes(whole[:second] + bytes(len(whole) - second))
    reader = _Reader(tmp_path)
    asyncio.run(_write(tmp_path, [[b"instead"]], None))
    segment.write_bytes(whole)

    reader.read(2)

    assert [entry.payload for entry in reader.found] == [b"kept", b"instead"]
