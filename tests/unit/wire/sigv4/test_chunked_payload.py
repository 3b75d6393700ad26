"""The aws-chunked decoder. Source: S3 API Reference, "Transferring Payload in Multiple Chunks"."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import S3Error
from rucket.wire.sigv4.chunked_payload import (
    SIZE_LINE_BYTES_MAX,
    TRAILER_BYTES_MAX,
    ChunkedPayloadDecoder,
)
from rucket.wire.sigv4.payload_hash import PayloadKind
from tests.unit.wire.sigv4.chunked_bodies import context_of, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

SIGNED = PayloadKind.STREAMING_SIGNED
SIGNED_TRAILER = PayloadKind.STREAMING_SIGNED_TRAILER
UNSIGNED_TRAILER = PayloadKind.STREAMING_UNSIGNED_TRAILER
KINDS = [SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER]
TRAILER = "x-amz-checksum-crc32"
TRAILERS = {TRAILER: "AAAAAA=="}
CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=4)


def trailers_of(kind: PayloadKind) -> dict[str, str]:
    """A trailer where the kind of body has one."""
    return TRAILERS if kind.has_trailer else {}


def decode(
    kind: PayloadKind, pieces: Sequence[bytes], decoded_length: int | None
) -> tuple[bytes, dict[str, str]]:
    """Payload and trailers of a body that arrives in ``pieces``."""
    decoder = ChunkedPayloadDecoder(context_of(kind), decoded_length, frozenset(trailers_of(kind)))
    payload = b"".join(b"".join(decoder.feed(piece)) for piece in pieces)
    return payload, decoder.finish()


def refusal(kind: PayloadKind, body: bytes, decoded_length: int | None = None) -> S3Error:
    """The error with which a body is refused."""
    with pytest.raises(S3Error) as caught:
        decode(kind, [body], decoded_length)
    return caught.value


@given(st.sampled_from(KINDS), CHUNKS, st.lists(st.integers(0, 600), max_size=6))
def test_body_is_decoded_however_it_arrives(
    kind: PayloadKind, chunks: list[bytes], cuts: list[int]
) -> None:
    """The pieces in which a body arrives have nothing to do with its chunks."""
    body = encode(context_of(kind), chunks, trailers_of(kind))
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in itertools.pairwise(edges)]
    payload = b"".join(chunks)

    assert decode(kind, pieces, len(payload)) == (payload, trailers_of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_body_is_decoded_byte_by_byte(kind: PayloadKind) -> None:
    """Every state can be left and entered again between two bytes."""
    body = encode(context_of(kind), [b"first chunk", b"second"], trailers_of(kind))

    payload, trailers = decode(kind, [body[i : i + 1] for i in range(len(body))], 17)

    assert payload == b"first chunksecond"
    assert trailers == trailers_of(kind)


@given(
    CHUNKS, st.integers(0, 10_000), st.integers(1, 255), st.sampled_from([SIGNED, SIGNED_TRAILER])
)
def test_changed_byte_of_a_signed_body_is_refused(
    chunks: list[bytes], position: int, difference: int, kind: PayloadKind
) -> None:
    """No byte of a signed body can be changed to give other bytes or other trailers."""
    body = bytearray(encode(context_of(kind), chunks, trailers_of(kind)))
    body[position % len(body)] ^= difference
    expected = (b"".join(chunks), trailers_of(kind))

    try:
        outcome = decode(kind, [bytes(body)], len(expected[0]))
    except S3Error:
        return

    assert outcome == expected


@given(st.sampled_from([SIGNED, UNSIGNED_TRAILER]), CHUNKS, st.integers(0, 10_000))
def test_truncated_body_is_incomplete(kind: PayloadKind, chunks: list[bytes], cut: int) -> None:
    """A body that ends before its end is IncompleteBody, wherever it was cut."""
    body = encode(context_of(kind), chunks, trailers_of(kind))

    assert refusal(kind, body[: cut % len(body)]).code == "IncompleteBody"


@given(st.sampled_from(KINDS), st.lists(st.binary(max_size=64), max_size=6))
def test_arbitrary_bytes_only_raise_s3_errors(kind: PayloadKind, pieces: list[bytes]) -> None:
    """Whatever arrives, the answer is an S3 error or a decoded body."""
    with contextlib.suppress(S3Error):
        decode(kind, pieces, None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("declared", [4, 6])
def test_declared_length_is_enforced(kind: PayloadKind, declared: int) -> None:
    """A body of another length than x-amz-decoded-content-length is IncompleteBody."""
    body = encode(context_of(kind), [b"12345"], trailers_of(kind))

    assert refusal(kind, body, declared).code == "IncompleteBody"


def test_announced_excess_is_refused_before_its_bytes() -> None:
    """A chunk that would be too long is refused at its size line."""
    decoder = ChunkedPayloadDecoder(context_of(UNSIGNED_TRAILER), 10)

    with pytest.raises(S3Error):
        decoder.feed(b"b\r\n")


def test_nothing_is_done_before_the_last_signature() -> None:
    """Bytes are handed on as they come, the body isn't done before its end was verified."""
    body = encode(context_of(SIGNED), [b"payload"])
    decoder = ChunkedPayloadDecoder(context_of(SIGNED), 7)

    released = b"".join(decoder.feed(body[:-2]))

    assert released == b"payload"
    assert not decoder.is_done
    with pytest.raises(S3Error):
        decoder.finish()


def test_pieces_are_views_of_what_was_fed() -> None:
    """A large body isn't copied on its way through."""
    data = b"10\r\n" + b"x" * 16
    decoder = ChunkedPayloadDecoder(context_of(UNSIGNED_TRAILER), 16)

    pieces = decoder.feed(data)

    assert [piece.obj for piece in pieces] == [data]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"zz\r\n", "InvalidRequest"),
        (b"\r\n", "InvalidRequest"),
        (b"-5\r\n", "InvalidRequest"),
        (b"0x5\r\n", "InvalidRequest"),
        (b"5\n12345", "InvalidRequest"),
        (b"11111111111111111\r\n", "InvalidRequest"),
        (b"5\r\n123456\r\n", "InvalidRequest"),
        (b"5\r\n12345\r\n\r\n", "InvalidRequest"),
        (b"1" * (SIZE_LINE_BYTES_MAX + 1), "InvalidRequest"),
        (b"0\r\nx-amz-checksum-sha1:AAAA\r\n\r\n", "InvalidRequest"),
        (b"0\r\nno colon\r\n\r\n", "InvalidRequest"),
        (b"0\r\n" + b"a" * (TRAILER_BYTES_MAX + 1), "InvalidRequest"),
        (b"0\r\n" + b"\r\n" * TRAILER_BYTES_MAX, "InvalidRequest"),
        (b"0\r\n" + (TRAILER + ":a\r\n").encode() * 2 + b"\r\n", "InvalidRequest"),
        (b"0\r\n" + (TRAILER + ":a\r\n\r\nrest").encode(), "InvalidRequest"),
        (b"0\r\n" + (TRAILER + ":a\r\n\r\n").encode() + b"\r\n" * 3, "InvalidRequest"),
        (b"0\r\n\r\n", "IncompleteBody"),
    ],
    ids=[
        "size_is_no_number",
        "no_size",
        "negative_size",
        "prefixed_size",
        "size_line_without_cr",
        "size_with_too_many_digits",
        "chunk_longer_than_announced",
        "blank_line_between_chunks",
        "endless_size_line",
        "trailer_that_was_not_announced",
        "trailer_without_colon",
        "endless_trailer",
        "endless_blank_trailers",
        "trailer_given_twice",
        "something_after_the_end",
        "too_many_blank_lines_after_the_end",
        "announced_trailer_missing",
    ],
)
def test_malformed_framing_is_refused(body: bytes, code: str) -> None:
    """Each mistake in the framing has its error."""
    assert refusal(UNSIGNED_TRAILER, body).code == code


@pytest.mark.parametrize(
    "line",
    [b"5\r\n", b"5;chunk-signature=\r\n", b"5;signature=" + b"0" * 64 + b"\r\n"],
    ids=["no_extension", "empty_signature", "another_extension"],
)
def test_chunk_without_signature_is_refused(line: bytes) -> None:
    """A signed body has no unsigned chunk."""
    assert refusal(SIGNED, line + b"12345\r\n").code in {"InvalidRequest", "SignatureDoesNotMatch"}


def test_wrong_chunk_signature_is_refused() -> None:
    """Chunks can't be exchanged: each signature builds on the one before."""
    first = encode(context_of(SIGNED), [b"one", b"two"])
    second = encode(context_of(SIGNED), [b"two", b"one"])
    body = first[: first.index(b"one")] + b"two" + second[second.index(b"two") + 3 :]

    assert refusal(SIGNED, body).code == "SignatureDoesNotMatch"


def test_signed_trailers_may_stand_on_lines_of_their_own_kind() -> None:
    """Some clients end a trailer with LF alone and leave a line blank before the signature."""
    context = context_of(SIGNED_TRAILER)
    body = encode(context, [b"x"], TRAILERS)
    value = TRAILERS[TRAILER].encode()
    spelled = body.replace(value + b"\r\n", value + b"\n\r\n")

    assert decode(SIGNED_TRAILER, [spelled], 1) == (b"x", TRAILERS)


def test_signed_trailers_need_their_signature() -> None:
    """Without its signature the trailer chunk isn't complete."""
    body = encode(context_of(SIGNED_TRAILER), [b"x"], TRAILERS)
    unsigned = body[: body.index(b"x-amz-trailer-signature")] + b"\r\n"

    assert refusal(SIGNED_TRAILER, unsigned).code == "IncompleteBody"


def test_changed_trailer_is_refused() -> None:
    """A trailer is signed like the chunks."""
    body = encode(context_of(SIGNED_TRAILER), [b"x"], TRAILERS)

    assert refusal(SIGNED_TRAILER, body.replace(b"AAAAAA==", b"AAAABB==")).code == (
        "SignatureDoesNotMatch"
    )
