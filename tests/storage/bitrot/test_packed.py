"""Bit rot in segments of packed blobs, some of them moved, and in the maps that lead to these:
every changed byte is harmless or found, and takes nothing with it but its own blob.

Source: docs/on_disk_format.md, "What finds damage".
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import CorruptionError
from tests.storage.bitrot.places import flips, some_of
from tests.unit.store.blobs.packed.packed_device import PackedDevice, flip, read

if TYPE_CHECKING:
    from pathlib import Path

_FOUND = (CorruptionError, FileNotFoundError)
_HEADER_SIZE_BYTES = 128


@pytest.fixture
def device(tmp_path: Path) -> PackedDevice:
    """Sixteen blobs of several sizes, of which most have been moved."""
    device = PackedDevice(tmp_path / "packed")
    device.blobs.prepare()
    blob_ids = [device.put(size_bytes) for size_bytes in (900, 5000, 9000) * 14]
    device.restart()
    for place, blob_id in enumerate(blob_ids):
        if place % 3:
            device.delete(blob_id)
    device.compact()
    for size_bytes in (700, 6000):
        device.put(size_bytes)
    device.restart()
    assert device.map_paths()
    return device


def _outcomes(device: PackedDevice) -> Counter[str]:
    """What reading everything comes to; nothing but what was written is ever read."""
    seen: Counter[str] = Counter()
    blobs = device.start()
    for blob_id, body in device.bodies.items():
        try:
            assert read(blobs, blob_id) == body
        except _FOUND:
            seen["found"] += 1
        else:
            seen["whole"] += 1
    blobs.close()
    return seen


def _offsets(path: Path, seed: int) -> list[int]:
    """All of them where there is time; else every byte of headers, and some of the rest."""
    size_bytes = len(path.read_bytes().rstrip(b"\0"))
    if os.environ.get("RUCKET_BITROT") == "all":
        return list(range(size_bytes))
    headers = {
        at + place
        for at in some_of(0, size_bytes // 4096 + 1, 3, seed)
        for place in range(at * 4096, min(at * 4096 + _HEADER_SIZE_BYTES, size_bytes))
    }
    return sorted(headers | set(some_of(0, size_bytes, 60, seed)))


def test_a_changed_byte_of_a_segment_takes_its_own_blob_at_most(device: PackedDevice) -> None:
    """It is never served, and all others are."""
    seen: Counter[str] = Counter()
    for number, path in enumerate(device.segment_paths()):
        for offset, mask in flips(_offsets(path, number), number):
            flip(path, offset, mask)
            outcomes = _outcomes(device)
            flip(path, offset, mask)
            assert outcomes["found"] <= 1, (path.name, offset)
            seen["found" if outcomes["found"] else "harmless"] += 1

    assert seen["found"] > 100
    device.check()


def test_a_changed_byte_of_a_map_takes_those_that_it_leads_to_at_most(
    device: PackedDevice,
) -> None:
    """They are missing until the compactor has built it again; all others are served."""
    for number, path in enumerate(device.map_paths()):
        born_there = sum(blob_id[2:8].hex() == path.name for blob_id in device.bodies)
        offsets = some_of(0, path.stat().st_size, 100, number)
        for offset, mask in flips(offsets, number):
            flip(path, offset, mask)
            outcomes = _outcomes(device)
            flip(path, offset, mask)
            assert 1 <= outcomes["found"] <= born_there, (path.name, offset)

    device.check()
