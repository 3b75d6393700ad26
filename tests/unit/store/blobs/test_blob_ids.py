"""What ids of blobs say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rucket.store.blobs.blob_ids import (
    DEVICE_NUMBER_MAX,
    RECORD_ALIGNMENT_BYTES,
    FileBirth,
    PackedBirth,
    birth_of,
    new_file_blob_id,
    packed_blob_id,
)
from tests.unit.fakes import FakeRandom

_DEVICES = st.integers(0, DEVICE_NUMBER_MAX)
_BIRTHS = st.builds(
    PackedBirth,
    _DEVICES,
    st.binary(min_size=6, max_size=6),
    st.integers(0, (1 << 32) - 1).map(lambda place: place * RECORD_ALIGNMENT_BYTES),
)


@given(_BIRTHS)
def test_an_id_says_where_a_record_was_first_written(birth: PackedBirth) -> None:
    """Device, segment and place, in 16 bytes."""
    blob_id = packed_blob_id(birth)

    assert len(blob_id) == 16
    assert birth_of(blob_id) == birth


@given(_DEVICES, st.integers(0, 1000))
def test_an_id_says_on_which_device_a_file_was_first_written(device: int, seed: int) -> None:
    """The rest is random."""
    random = FakeRandom(seed)
    blob_id = new_file_blob_id(device, random)

    assert len(blob_id) == 16
    assert birth_of(blob_id) == FileBirth(device)
    assert new_file_blob_id(device, random) != blob_id


@given(_BIRTHS, _BIRTHS)
def test_ids_are_ordered_by_device_segment_and_place(one: PackedBirth, other: PackedBirth) -> None:
    """So a walk in the order of ids is one through the segments; files come before."""

    def place(birth: PackedBirth) -> tuple[int, bytes, int]:
        return birth.device_number, birth.segment_id, birth.offset_bytes

    assert (packed_blob_id(one) < packed_blob_id(other)) == (place(one) < place(other))
    assert new_file_blob_id(DEVICE_NUMBER_MAX, FakeRandom()) < packed_blob_id(one)


@given(_BIRTHS, st.integers(0, 127))
def test_an_id_with_a_changed_bit_says_nothing(birth: PackedBirth, bit: int) -> None:
    """It is taken for one of format 1, which says nothing either."""
    damaged = bytearray(packed_blob_id(birth))
    damaged[bit // 8] ^= 1 << bit % 8

    assert birth_of(bytes(damaged)) is None
