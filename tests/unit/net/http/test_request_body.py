"""Bodies on their way in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.net.http.request_body import (
    LARGE_PIECE_BYTES,
    SMALL_PIECE_BYTES,
    ChunkedBody,
    LargePieces,
    MalformedBodyError,
    SizedBody,
)

MIB = 1024 * 1024


def fill(body: SizedBody, data: bytes, step: int) -> list[bytes]:
    """What `body` hands out of `data`, which the kernel writes `step` bytes at a time."""
    pieces, position = [], 0
    while not body.has_ended or body.has_some:
        while not body.is_ready:
            space = body.space()
            size = min(len(space), step)
            space[:size] = data[position : position + size]
            space.release()
            body.advance(size)
            position += size
        pieces.append(bytes(body.take()))
    return pieces


class TestSizedBody:
    """A body of known length."""

    @given(size=st.integers(1, 3 * MIB), step=st.integers(1000, 2 * MIB))
    def test_all_bytes_arrive_in_order(self, size: int, step: int) -> None:
        """In pieces that are full but for the last."""
        data = bytes(range(251)) * (size // 251 + 1)

        pieces = fill(SizedBody(size, LargePieces()), data, step)

        assert b"".join(pieces) == data[:size]
        assert all(len(piece) == LARGE_PIECE_BYTES for piece in pieces[:-1])

    def test_announcing_costs_nothing(self) -> None:
        """A large buffer is for those who have sent something."""
        body = SizedBody(5 * 1024 * MIB, LargePieces())

        assert len(body.space()) == SMALL_PIECE_BYTES

    def test_large_buffers_are_counted(self) -> None:
        """Who comes too late gets small ones; each is given back."""
        large_pieces = LargePieces(1)
        first, second = SizedBody(3 * MIB, large_pieces), SizedBody(3 * MIB, large_pieces)
        for body in (first, second):
            body.advance(len(body.space()))

        assert len(first.space()) == LARGE_PIECE_BYTES - SMALL_PIECE_BYTES
        assert second.is_ready
        first.discard()
        assert large_pieces.acquire()

    def test_what_came_with_the_head_is_taken_from_there(self) -> None:
        """And what follows it is left: that is the next request."""
        data = bytearray(b"bodyGET /")
        body = SizedBody(4, LargePieces())

        body.feed(data)

        assert body.has_ended
        assert body.take() == b"body"
        assert data == b"GET /"

    def test_a_part_of_a_piece_can_be_had(self) -> None:
        """Where a client is slow."""
        body = SizedBody(100, LargePieces())
        body.feed(bytearray(b"abc"))

        assert not body.is_ready
        assert body.has_some
        assert body.take() == b"abc"
        assert fill(body, b"d" * 97, 10) == [b"d" * 97]


class TestChunkedBody:
    """A body in chunks."""

    @given(
        chunks=st.lists(st.binary(min_size=1, max_size=300), max_size=6),
        step=st.integers(1, 50),
        trailer=st.sampled_from([b"", b"x-a: b\r\n"]),
    )
    def test_chunks_are_put_together(self, chunks: list[bytes], step: int, trailer: bytes) -> None:
        """However they come in."""
        wire = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        wire += b"0\r\n" + trailer + b"\r\n"
        body = ChunkedBody()
        taken = b""
        for start in range(0, len(wire), step):
            assert not body.has_ended
            body.feed(bytearray(wire[start : start + step]))
            taken += body.take()

        assert body.has_ended
        assert taken == b"".join(chunks)

    @pytest.mark.parametrize(
        "wire", [b"x\r\n", b"3\r\nabcd", b"3\nabc\n", b"f" * 20 + b"\r\n", b"-1\r\n"]
    )
    def test_what_is_no_chunk_is_refused(self, wire: bytes) -> None:
        """It could hide another request."""
        with pytest.raises(MalformedBodyError):
            ChunkedBody().feed(bytearray(wire))

    def test_what_follows_is_not_part_of_it(self) -> None:
        """Nor is it understood as anything."""
        body = ChunkedBody()

        body.feed(bytearray(b"1\r\na\r\n0\r\n\r\n\0\0\0"))

        assert body.has_ended
        assert body.take() == b"a"
