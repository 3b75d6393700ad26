"""What devices say of themselves, and what a node knows of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.store.blobs.device_records import (
    DeviceIdentity,
    KnownDevice,
    decode_identity,
    decode_registry,
    encode_identity,
    encode_registry,
)
from tests.golden.values import DEVICE, DEVICES

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.builds(DeviceIdentity, _TEXTS, _TEXTS, st.integers(0, 255)))
def test_an_identity_reads_back_as_written(identity: DeviceIdentity) -> None:
    """Whatever its fields are."""
    assert decode_identity(encode_identity(identity), "x") == identity


@given(st.lists(st.builds(KnownDevice, st.integers(0, 255), _TEXTS, _TEXTS)).map(tuple))
def test_a_registry_reads_back_as_written(devices: tuple[KnownDevice, ...]) -> None:
    """Whatever the paths are."""
    assert decode_registry(encode_registry(devices), "x") == devices


def test_a_changed_bit_is_found_or_harmless() -> None:
    """Every single one, of both files."""
    for offset in range(len(encode_identity(DEVICE)) * 8):
        damaged = _flipped(encode_identity(DEVICE), offset)
        try:
            assert decode_identity(damaged, "x") == DEVICE
        except (CorruptionError, UnknownFormatError):
            continue
    for offset in range(len(encode_registry(DEVICES)) * 8):
        damaged = _flipped(encode_registry(DEVICES), offset)
        try:
            assert decode_registry(damaged, "x") == DEVICES
        except (CorruptionError, UnknownFormatError):
            continue


def _flipped(data: bytes, bit: int) -> bytes:
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"7", b"nonsense", b'{"format_version": 1, "check": 0}']
)
def test_anything_else_is_corrupt(text: bytes) -> None:
    """Also what is JSON."""
    with pytest.raises(CorruptionError):
        decode_identity(text, "x")
    with pytest.raises(CorruptionError):
        decode_registry(text, "x")


def test_a_newer_format_is_refused() -> None:
    """And never guessed."""
    text = encode_identity(DEVICE).replace(b'"format_version": 1', b'"format_version": 2')

    with pytest.raises(UnknownFormatError):
        decode_identity(text, "x")
