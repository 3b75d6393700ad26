"""Choosing a device for a blob."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from rucket.store.blobs.placement import ROOM_MARGIN_BYTES, Candidate, choose_device
from tests.unit.fakes import FakeRandom

_GIB = 1 << 30
_DRAWS = 4000
_TOLERANCE = 0.05  # six standard deviations of a share of 4,000 draws


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.1, 10), st.integers(1, 1000)), min_size=1, max_size=5),
    st.integers(0, 1000),
)
def test_shares_are_as_weight_times_free_bytes(devices: list[tuple[float, int]], seed: int) -> None:
    """Measured over many blobs."""
    candidates = [
        Candidate(number, weight, free_gib * _GIB)
        for number, (weight, free_gib) in enumerate(devices)
    ]
    random = FakeRandom(seed)

    chosen = Counter(choose_device(candidates, 1, random).number for _ in range(_DRAWS))

    total = sum(candidate.weight * candidate.free_bytes for candidate in candidates)
    for candidate in candidates:
        share = candidate.weight * candidate.free_bytes / total
        assert abs(chosen[candidate.number] / _DRAWS - share) < _TOLERANCE


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(5, 100), min_size=2, max_size=4), st.integers(0, 1000))
def test_devices_of_any_size_become_full_together(sizes_mib: list[int], seed: int) -> None:
    """Filled with blobs until three quarters are used, none is much fuller than another."""
    blob = 64 * 1024
    capacity = [size * 16 * (1 << 20) for size in sizes_mib]
    free = list(capacity)
    random = FakeRandom(seed)
    while sum(free) > sum(capacity) / 4:
        candidates = [Candidate(number, 1.0, left) for number, left in enumerate(free)]
        free[choose_device(candidates, blob, random).number] -= blob

    used = [1 - left / whole for left, whole in zip(free, capacity, strict=True)]
    assert max(used) - min(used) < 0.1


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=6), st.integers(0, 1 << 24))
def test_a_device_without_room_is_left_out(free: list[int], size_bytes: int) -> None:
    """Unless none has room: then the one with the most is asked."""
    candidates = [Candidate(number, 1.0, left) for number, left in enumerate(free)]

    chosen = choose_device(candidates, size_bytes, FakeRandom())

    if max(free) >= size_bytes + ROOM_MARGIN_BYTES:
        assert chosen.free_bytes >= size_bytes + ROOM_MARGIN_BYTES
    else:
        assert chosen.free_bytes == max(free)
