"""Master keys: what they derive, and that a record opens with its key and unchanged only."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.encryption import (
    CHUNK_SIZE_BYTES,
    decode_encryption_record,
    encode_encryption_record,
)
from rucket.model.errors import CorruptionError, EncryptionKeyError, UnknownFormatError
from rucket.service.encryption.key_ring import DataKey, KeyRing, MasterKey
from tests.unit.fakes import FakeRandom
from tests.unit.service.encryption.keys import OBJECT_ID, ring


class _Counting:
    """Bytes that count up, where a nonce is drawn."""

    def token_bytes(self, size_bytes: int) -> bytes:
        return bytes(range(size_bytes))

    def uniform(self, low: float, high: float) -> float:
        raise NotImplementedError((low, high))


def test_a_wrapped_key_is_what_the_format_says() -> None:
    """Known answer, computed with HMAC and GCM by themselves: key id, derivation, context."""
    master_key = MasterKey(bytes(range(32, 64)))
    data_key = DataKey(OBJECT_ID, CHUNK_SIZE_BYTES, bytes(range(32)))

    record = decode_encryption_record(master_key.wrap(data_key, _Counting()))

    assert record.key_id.hex() == "c484e8ada226b3f0"
    assert record.wrapped_key.hex() == (
        "000102030405060708090a0bed185e177ea1d114db1ea3ac3148e894f409"
        "29857b65379b4572e166d4e4e5536c881fef4f508ceea82c66bcebeb17ac"
    )
    assert master_key.unwrap(record) == data_key


def test_data_keys_and_object_ids_are_never_the_same() -> None:
    """Each object has its own."""
    random = FakeRandom()
    keys = [ring().new_data_key(random) for _ in range(100)]

    assert len({key.key for key in keys}) == len({key.object_id for key in keys}) == 100


def test_a_previous_key_still_opens_what_was_wrapped_under_it() -> None:
    """Until nothing is any more."""
    random = FakeRandom()
    data_key = ring(1).new_data_key(random)
    record = ring(1).active.wrap(data_key, random)

    assert ring(2, 1).unwrap(record) == data_key


def test_a_key_that_is_missing_is_named() -> None:
    """So that the operator knows which to bring back."""
    random = FakeRandom()
    record = ring(1).active.wrap(ring(1).new_data_key(random), random)

    with pytest.raises(EncryptionKeyError) as caught:
        ring(2).unwrap(record)

    assert caught.value.key_id == ring(1).active.key_id.hex()
    assert "previous_keys" in str(caught.value)


def test_rewrapping_keeps_data_key_and_object_id() -> None:
    """The bytes of the object stay as they are."""
    random = FakeRandom()
    data_key = ring(1).new_data_key(random)
    record = ring(1).active.wrap(data_key, random)

    rewrapped = ring(2, 1).rewrap(record, random)

    assert ring(2).unwrap(rewrapped) == data_key
    assert ring(2).rewrap(rewrapped, random) == rewrapped


@given(place=st.integers(0), bit=st.integers(0, 7))
def test_every_flipped_bit_of_a_record_is_detected(place: int, bit: int) -> None:
    """Its fields are authenticated, and it opens to nothing else."""
    random = FakeRandom()
    data_key = ring().new_data_key(random)
    encoded = bytearray(ring().active.wrap(data_key, random))
    encoded[place % len(encoded)] ^= 1 << bit

    with pytest.raises((CorruptionError, EncryptionKeyError, UnknownFormatError)):
        ring().unwrap(bytes(encoded))


def test_a_wrapped_key_belongs_to_its_object() -> None:
    """Moved to a record of another object, it doesn't open."""
    random = FakeRandom()
    record, other = (
        decode_encryption_record(ring().active.wrap(ring().new_data_key(random), random))
        for _ in range(2)
    )
    moved = msgspec.structs.replace(other, wrapped_key=record.wrapped_key)

    with pytest.raises(CorruptionError):
        ring().unwrap(encode_encryption_record(moved))


def test_a_newer_record_is_refused() -> None:
    """Never guessed."""
    random = FakeRandom()
    encoded = ring().active.wrap(ring().new_data_key(random), random)

    with pytest.raises(UnknownFormatError):
        decode_encryption_record(b"\2" + encoded[1:])


def test_a_chunk_size_that_nobody_writes_is_refused() -> None:
    """Pieces are read at multiples of a power of two."""
    random = FakeRandom()
    record = decode_encryption_record(ring().active.wrap(ring().new_data_key(random), random))

    with pytest.raises(CorruptionError):
        decode_encryption_record(
            encode_encryption_record(msgspec.structs.replace(record, chunk_size_bytes=5000))
        )


def test_no_key_shows_in_a_representation() -> None:
    """What is logged by mistake tells nothing."""
    key = bytes([65]) * 32
    shown = repr([MasterKey(key), KeyRing(MasterKey(key)), DataKey(OBJECT_ID, 4096, key)])

    assert key.decode() not in shown
    assert key.hex() not in shown


def test_a_master_key_of_another_size_is_refused() -> None:
    """AES-256 takes 32 bytes."""
    with pytest.raises(ValueError, match="32 bytes"):
        MasterKey(bytes(16))
