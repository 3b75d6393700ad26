"""Short runs of the benchmarks that go beneath the server, so that they can be run when needed."""

import asyncio
from pathlib import Path

import pytest

from tests.benchmarks import blob_writes, encryption, engines, request_path, small_objects_store
from tests.benchmarks.small_objects import SmallObjects


@pytest.mark.parametrize("name", engines.ENGINES)
def test_engines_carry_the_same_rows(name: str, tmp_path: Path) -> None:
    """Every engine takes the rows, gives them back here and in another process, and keeps them."""
    figures = engines.measure(name, tmp_path, SmallObjects(400), seconds=0.05)

    assert figures.commands_of_engine_alone > figures.commands > 0
    assert min(figures.reads, figures.scanned_rows, figures.reads_elsewhere) > 0
    assert ("refused" in figures.long_keys) == name.startswith("lmdb")


@pytest.mark.parametrize("is_ordered", [False, True])
def test_store_fills_lists_and_starts_again(tmp_path: Path, *, is_ordered: bool) -> None:
    """All objects are acknowledged, and listed after the process that put them has died."""
    objects = SmallObjects(300, is_ordered=is_ordered)

    figures = asyncio.run(small_objects_store.measure(tmp_path, objects))

    assert len(figures.filled.tenths_s) == 10
    assert min(figures.index_bytes, figures.log_bytes, figures.list_rows_per_s) > 0
    assert figures.lines()[0].endswith("300")


def test_keys_in_no_order_are_all_different() -> None:
    """Every object has a key of its own, of the size that was asked for."""
    objects = SmallObjects(5_000, key_size_bytes=100)

    keys = {objects.key(number) for number in range(objects.count)}

    assert len(keys) == objects.count
    assert {len(key) for key in keys} == {100}


def test_every_kind_of_request_has_a_cost(tmp_path: Path) -> None:
    """All are answered as they should be, by a gateway and a node in this process."""
    costs = asyncio.run(request_path.measure(tmp_path, scale=0.01, round_count=1))

    assert len(costs) == 10
    assert all(cost.microseconds > 0 and cost.yards > 0 for cost in costs.values())


def test_encryption_has_its_price() -> None:
    """Chunks of every size are sealed and opened; small objects come with all of their keys."""
    costs = [encryption.cost_of_chunks(size, 2, 1) for size in encryption.CHUNK_SIZES_BYTES]

    assert min(min(cost.seal_mib_per_s, cost.open_mib_per_s) for cost in costs) > 0
    assert min(encryption.cost_of_small_us(1)) > 0


@pytest.mark.parametrize("way", blob_writes.WAYS)
def test_every_way_of_writing_blobs_has_figures(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes write, and leave nothing behind."""
    monkeypatch.chdir(tmp_path)

    figures = blob_writes.measure(way, 20_000, process_count=2, thread_count=2, seconds=0.2)

    assert min(figures.blobs_per_s, figures.cpu_us, figures.p50_ms, figures.p99_ms) > 0
    assert list(tmp_path.iterdir()) == []
