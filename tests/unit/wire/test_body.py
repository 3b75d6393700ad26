"""Bodies: framing, limits and promises, message by message."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import (
    BadDigest,
    EntityTooLarge,
    IncompleteBody,
    InvalidRequest,
    MaxMessageLengthExceeded,
    RequestTimeout,
    S3Error,
)
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.wire.body import IncomingBytes, RequestBody, read_promises, read_small
from rucket.wire.sigv4.payload_hash import parse_payload_hash
from rucket.wire.sigv4.signature import SigningContext
from tests.unit.fakes import SETTINGS, FakeClock
from tests.unit.in_process_client import Transfer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.ports.asgi import Message

UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
DATA = b"some bytes, in chunks"
CRC32 = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()
FRAMED = (
    f"5\r\n{DATA[:5].decode()}\r\n{len(DATA) - 5:x}\r\n{DATA[5:].decode()}\r\n0\r\n"
    f"x-amz-checksum-crc32:{CRC32}\r\n\r\n"
).encode()
FRAMED_HEADERS = {
    "content-length": str(len(FRAMED)),
    "x-amz-decoded-content-length": str(len(DATA)),
    "x-amz-trailer": "x-amz-checksum-crc32",
}


def read(
    pieces: list[bytes | None],
    headers: Mapping[str, str],
    declared: str = "UNSIGNED-PAYLOAD",
    size_bytes_max: int = 1000,
) -> bytes:
    """The payload of a body that comes in these pieces, verified."""

    async def body() -> bytes:
        tasks = AsyncioTasks(thread_count=1)
        context = SigningContext(b"", "", "", "", parse_payload_hash(declared))
        incoming = IncomingBytes(
            Transfer(deque(pieces)).receive, headers, tasks, FakeClock(), SETTINGS
        )
        promises = read_promises(headers, context, checksum_covers_body=True)
        settings = replace(SETTINGS, body_size_bytes_max=500)
        request_body = RequestBody(incoming, headers, context, promises, settings, tasks)
        return await read_small(request_body, size_bytes_max)

    return asyncio.run(body())


def count_read(pause_ms: int, piece: bytes, piece_count: int) -> int:
    """How many bytes are taken from a client that pauses before each of its pieces, until it has
    sent them all or is given up.
    """
    clock = FakeClock()
    transfer = Transfer(deque([piece] * piece_count))

    async def receive() -> Message:
        clock.now_ms += pause_ms
        return await transfer.receive()

    async def take() -> int:
        settings = replace(SETTINGS, body_idle_timeout_s=10.0, body_bytes_per_s_min=100)
        tasks = AsyncioTasks(thread_count=1)
        headers = {"transfer-encoding": "chunked"}
        incoming = IncomingBytes(receive, headers, tasks, clock, settings)
        try:
            while not incoming.has_ended:
                await incoming.read()
        except RequestTimeout:
            assert incoming.has_broken_off
        return incoming.received_bytes

    return asyncio.run(take())


def length(data: bytes) -> dict[str, str]:
    """The header that announces `data`."""
    return {"content-length": str(len(data))}


def test_a_plain_body_comes_as_it_is() -> None:
    """Piece by piece, with its SHA-256 verified."""
    digest = hashlib.sha256(DATA).hexdigest()

    assert read([DATA[:3], DATA[3:]], length(DATA), digest) == DATA


def test_a_body_of_unknown_length_ends_where_it_ends() -> None:
    """Transfer-Encoding: chunked is the server's to undo."""
    assert read([DATA[:3], b"", DATA[3:]], {"transfer-encoding": "chunked"}) == DATA


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_framing_is_taken_off_wherever_messages_end(size: int) -> None:
    """And the trailing checksum is verified."""
    pieces: list[bytes | None] = [
        FRAMED[start : start + size] for start in range(0, len(FRAMED), size)
    ]

    assert read(pieces, FRAMED_HEADERS, UNSIGNED_TRAILER) == DATA


def test_aws_chunked_in_content_encoding_alone_means_nothing() -> None:
    """The payload hash says whether a body is framed."""
    assert read([DATA], {**length(DATA), "content-encoding": "aws-chunked"}) == DATA


@pytest.mark.parametrize(
    ("pieces", "headers", "declared", "error"),
    [
        ([DATA[:3], None], length(DATA), "UNSIGNED-PAYLOAD", IncompleteBody),
        ([DATA[:3], None], {"transfer-encoding": "chunked"}, "UNSIGNED-PAYLOAD", IncompleteBody),
        ([DATA[:3]], length(DATA), "UNSIGNED-PAYLOAD", IncompleteBody),
        ([FRAMED[:-4]], FRAMED_HEADERS, UNSIGNED_TRAILER, IncompleteBody),
        (
            [FRAMED.replace(b"some", b"same")],
            FRAMED_HEADERS,
            UNSIGNED_TRAILER,
            BadDigest,
        ),
        (
            [FRAMED],
            {**FRAMED_HEADERS, "x-amz-decoded-content-length": "99"},
            UNSIGNED_TRAILER,
            IncompleteBody,
        ),
        ([], {"x-amz-decoded-content-length": "0"}, UNSIGNED_TRAILER, IncompleteBody),
        ([b"x" * 501], {"transfer-encoding": "chunked"}, "UNSIGNED-PAYLOAD", EntityTooLarge),
        ([], {"content-length": "501"}, "UNSIGNED-PAYLOAD", EntityTooLarge),
        ([], {"content-length": "many"}, "UNSIGNED-PAYLOAD", InvalidRequest),
    ],
    ids=[
        "client-left",
        "client-left-unannounced",
        "short",
        "short-frame",
        "wrong-trailer",
        "wrong-decoded-length",
        "no-frame-at-all",
        "too-large",
        "too-large-announced",
        "no-length",
    ],
)
def test_a_body_that_is_not_whole_is_refused(
    pieces: list[bytes | None], headers: dict[str, str], declared: str, error: type[S3Error]
) -> None:
    """Each with its error, never as a shorter body."""
    with pytest.raises(error):
        read(pieces, headers, declared)


@pytest.mark.parametrize("headers", [length(DATA), {"transfer-encoding": "chunked"}])
def test_a_document_has_a_limit_of_its_own(headers: dict[str, str]) -> None:
    """Announced or not."""
    with pytest.raises(MaxMessageLengthExceeded):
        read([DATA], headers, size_bytes_max=10)


def test_a_byte_now_and_then_is_not_enough() -> None:
    """Every byte comes in time, but all of them too slowly to keep the request's place."""
    assert count_read(pause_ms=1000, piece=b"x", piece_count=100) == 11


@pytest.mark.parametrize(("pause_ms", "piece"), [(1000, b"x" * 100), (9000, b"x" * 900)])
def test_a_slow_client_that_keeps_up_the_rate_is_heard_out(pause_ms: int, piece: bytes) -> None:
    """However long it takes in all."""
    assert count_read(pause_ms, piece, piece_count=100) == 100 * len(piece)
