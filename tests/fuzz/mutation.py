"""Inputs for decoders: valid ones, and what is left of them after some accidents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hypothesis.strategies import DrawFn

    Mutation = Callable[[DrawFn, bytes, Sequence[bytes]], bytes]

ARBITRARY_SIZE_BYTES_MAX = 300
ACCIDENTS_MAX = 4
_REPEATS_MAX = 2000
_NUMBERS = (
    b"\x00",
    b"\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x01\x00\x00\x00\x00\x00\x00\x00",
    # MessagePack: arrays, maps, texts and bytes that claim to be long; nested arrays
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\x91",
    b"\x81",
    b"\xc1",
    b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
    # text
    b"0",
    b"-1",
    b"9999999999999999999",
    b"18446744073709551616",
    b"%",
    b"%00",
    b"%ff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\r\n",
    b",",
    b";",
    b'"',
    b"&",
    b"=",
    b"<",
    b"[",
    b"{",
    b"*",
)


def _position(draw: DrawFn, data: bytes) -> int:
    return draw(st.integers(0, len(data)))


def _flip_bit(draw: DrawFn, data: bytes, _: Sequence[bytes]) -> bytes:
    if not data:
        return data
    place = draw(st.integers(0, len(data) - 1))
    flipped = data[place] ^ (1 << draw(st.integers(0, 7)))
    return data[:place] + bytes([flipped]) + data[place + 1 :]


def _truncate(draw: DrawFn, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: _position(draw, data)]


def _cut_out(draw: DrawFn, data: bytes, _: Sequence[bytes]) -> bytes:
    first, end = sorted((_position(draw, data), _position(draw, data)))
    return data[:first] + data[end:]


def _splice(draw: DrawFn, data: bytes, seeds: Sequence[bytes]) -> bytes:
    other = draw(st.sampled_from(seeds))
    return data[: _position(draw, data)] + other[_position(draw, other) :]


def _insert(draw: DrawFn, data: bytes, _: Sequence[bytes]) -> bytes:
    place = _position(draw, data)
    piece = draw(st.sampled_from(_NUMBERS) | st.binary(max_size=8))
    return data[:place] + piece + data[place:]


def _overwrite(draw: DrawFn, data: bytes, _: Sequence[bytes]) -> bytes:
    place = _position(draw, data)
    piece = draw(st.sampled_from(_NUMBERS))
    return data[:place] + piece + data[place + len(piece) :]


def _repeat(draw: DrawFn, data: bytes, _: Sequence[bytes]) -> bytes:
    first = _position(draw, data)
    end = min(len(data), first + draw(st.integers(1, 16)))
    return data[:end] + data[first:end] * draw(st.integers(1, _REPEATS_MAX)) + data[end:]


_ACCIDENTS: tuple[Mutation, ...] = (
    _flip_bit,
    _flip_bit,
    _truncate,
    _cut_out,
    _splice,
    _insert,
    _overwrite,
    _overwrite,
    _repeat,
)


@st.composite
def inputs(draw: DrawFn, seeds: Sequence[bytes]) -> bytes:
    """Arbitrary bytes now and then; else one of `seeds` after up to `ACCIDENTS_MAX` accidents."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=ARBITRARY_SIZE_BYTES_MAX))
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, ACCIDENTS_MAX))):
        data = draw(st.sampled_from(_ACCIDENTS))(draw, data, seeds)
    return data
