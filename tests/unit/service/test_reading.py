"""Reading: exactly the bytes that were asked for, and nothing left open, whatever happens."""

from __future__ import annotations

import random

import pytest

from rucket.model.errors import CorruptionError
from rucket.model.names import BlobId
from rucket.model.records import Content, Extent
from rucket.service.reading import (
    PIECE_SIZE_BYTES,
    ByteSpan,
    ContentStream,
    blob_spans,
    open_content,
    scan_content,
)
from tests.simulator.errors import Cancelled
from tests.unit.service.payloads import MIB, content
from tests.unit.service.world import World


@pytest.fixture
def world() -> World:
    return World()


def _add_blob(world: World, data: bytes) -> BlobId:
    blob_id = BlobId(world.random.token_bytes(16))
    world.blobs.finished[blob_id] = data
    return blob_id


async def _read(world: World, stored: Content, span: ByteSpan) -> bytes:
    body = await open_content(world.blobs, world.tasks, stored, span)
    if not isinstance(body, ContentStream):
        return bytes(body)
    pieces = [bytes(piece) async for piece in body]
    await body.aclose()
    assert all(len(piece) <= PIECE_SIZE_BYTES for piece in pieces)
    return b"".join(pieces)


def _extents(world: World, data: bytes, sizes: list[int]) -> Content:
    """`data` in one blob for each size, each extent beginning somewhere in its blob."""
    extents: list[Extent] = []
    position = 0
    for number, size_bytes in enumerate(sizes):
        offset = 777 * number
        blob = b"\xff" * offset + data[position : position + size_bytes] + b"\xee" * number
        extents.append(Extent(_add_blob(world, blob), size_bytes, offset))
        position += size_bytes
    return Content(extents=tuple(extents))


@pytest.mark.parametrize("seed", range(25))
def test_any_span_of_any_extents_is_read_right(seed: int) -> None:
    """Spans that begin and end anywhere, across blobs of any size."""
    chosen = random.Random(seed)
    world = World(seed)
    sizes = [
        chosen.choice([1, 1000, 100_000, MIB, 3 * MIB + 5]) for _ in range(chosen.randint(1, 4))
    ]
    data = content(sum(sizes), seed)
    stored = _extents(world, data, sizes)
    world.blobs.at_hand = {
        BlobId(extent.blob_id) for extent in stored.extents if chosen.random() < 0.5
    }
    for _ in range(5):
        first = chosen.randrange(len(data))
        span = ByteSpan(first, chosen.randint(1, len(data) - first))

        assert world.run(_read(world, stored, span)) == data[span.offset : span.end]

    assert not world.blobs.open_readers


def test_an_inline_body_is_cut(world: World) -> None:
    """No blob is opened for what the row holds."""
    span = ByteSpan(2, 3)

    assert world.run(_read(world, Content(inline=b"0123456789"), span)) == b"234"


def test_nothing_of_a_blob_is_read_for_an_empty_span(world: World) -> None:
    """An empty object needs no blob."""
    assert world.run(_read(world, Content(), ByteSpan(0, 0))) == b""


def test_extents_that_do_not_cover_the_span_are_corrupt(world: World) -> None:
    """Fewer bytes than promised are never sent."""
    stored = Content(extents=(Extent(_add_blob(world, b"abc"), 3),))

    with pytest.raises(CorruptionError):
        world.run(_read(world, stored, ByteSpan(0, 4)))


@pytest.mark.parametrize("is_at_hand", [False, True])
def test_a_blob_that_is_too_short_is_corrupt(world: World, *, is_at_hand: bool) -> None:
    """The row says there is more in the blob than there is."""
    blob_id = _add_blob(world, b"abc")
    stored = Content(extents=(Extent(blob_id, 5),))
    if is_at_hand:
        world.blobs.at_hand.add(blob_id)

    with pytest.raises(CorruptionError):
        world.run(_read(world, stored, ByteSpan(0, 5)))

    assert not world.blobs.open_readers


def test_what_is_at_hand_is_read_without_a_hop(world: World) -> None:
    """No call that may block is made for it; a damaged one leaves nothing open."""
    blob_id = _add_blob(world, bytes(MIB) + b"abc")
    stored = Content(extents=(Extent(blob_id, 3, MIB),))
    world.blobs.at_hand.add(blob_id)
    calls: list[str] = []
    world.blobs.before = calls.append

    assert world.run(_read(world, stored, ByteSpan(0, 3))) == b"abc"
    assert not calls
    world.blobs.damaged.add(blob_id)
    with pytest.raises(CorruptionError):
        world.run(_read(world, stored, ByteSpan(0, 3)))
    assert not world.blobs.open_readers


def test_a_missing_first_blob_is_told_before_any_byte(world: World) -> None:
    """So that the caller can look again."""
    stored = Content(extents=(Extent(bytes(16), 5),))

    with pytest.raises(FileNotFoundError):
        world.run(_read(world, stored, ByteSpan(0, 5)))


@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_a_fault_in_the_middle_breaks_off(world: World, fault: str) -> None:
    """Bytes before it may have been sent; none are sent instead of those that can't be read."""
    sizes = [2 * MIB, 2 * MIB]
    data = content(sum(sizes))
    stored = _extents(world, data, sizes)
    second = BlobId(stored.extents[1].blob_id)
    if fault == "missing":
        del world.blobs.finished[second]
    else:
        world.blobs.damaged.add(second)
    received = bytearray()

    async def read() -> None:
        whole = ByteSpan(0, len(data))
        body = await open_content(world.blobs, world.tasks, stored, whole)
        assert isinstance(body, ContentStream)
        try:
            async for piece in body:
                received.extend(piece)
        finally:
            await body.aclose()

    with pytest.raises(CorruptionError):
        world.run(read())

    assert data.startswith(bytes(received))
    assert len(received) <= sizes[0]
    assert not world.blobs.open_readers


@pytest.mark.parametrize("piece_count", [0, 1, 2, 5])
def test_a_stream_that_is_closed_early_leaves_nothing_open(world: World, piece_count: int) -> None:
    """Never begun, or given up in the middle, while the next piece is being read."""
    stored = _extents(world, content(5 * MIB), [4 * MIB, MIB])

    async def read_some() -> None:
        body = await open_content(world.blobs, world.tasks, stored, ByteSpan(0, 5 * MIB))
        assert isinstance(body, ContentStream)
        for _ in range(piece_count):
            await anext(body)
        await body.aclose()
        await body.aclose()

    world.run(read_some())

    assert not world.blobs.open_readers


def test_no_more_than_one_piece_is_read_ahead(world: World) -> None:
    """A client that doesn't take its bytes costs two pieces of memory."""
    stored = _extents(world, content(8 * MIB), [8 * MIB])

    async def read_slowly() -> None:
        body = await open_content(world.blobs, world.tasks, stored, ByteSpan(0, 8 * MIB))
        assert isinstance(body, ContentStream)
        for taken in range(1, 9):
            await anext(body)
            await world.tasks.sleep(1)
            assert world.blobs.bytes_read <= (taken + 1) * PIECE_SIZE_BYTES
        await body.aclose()

    world.run(read_slowly())


@pytest.mark.parametrize("seed", range(20))
def test_a_cancelled_reader_leaves_nothing_open(seed: int) -> None:
    """Cancelled while a thread opens, reads or closes."""
    world = World(seed)
    stored = _extents(world, content(4 * MIB), [3 * MIB, MIB])

    async def cancel_somewhere() -> None:
        task = world.tasks.spawn(_read_and_close(world, stored), "request")
        await world.tasks.sleep(0.0007 * seed)
        task.cancel()
        try:
            await task
        except Cancelled:
            return

    world.run(cancel_somewhere())

    assert not world.blobs.open_readers


async def _read_and_close(world: World, stored: Content) -> None:
    body = await open_content(world.blobs, world.tasks, stored, ByteSpan(0, 4 * MIB))
    assert isinstance(body, ContentStream)
    try:
        async for _ in body:
            await world.tasks.sleep(0.0005)
    finally:
        await body.aclose()


def test_a_scan_that_fails_leaves_nothing_open(world: World) -> None:
    """What is done with the bytes may fail, too."""
    stored = _extents(world, content(3 * MIB), [3 * MIB])

    def refuse(_: bytes | memoryview) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        world.run(scan_content(world.blobs, world.tasks, stored, ByteSpan(0, 3 * MIB), refuse))

    assert not world.blobs.open_readers


def test_spans_keep_within_their_extents() -> None:
    """Where a span touches no byte of an extent, its blob isn't named."""
    stored = Content(extents=(Extent(b"a", 10, 5), Extent(b"b", 10), Extent(b"c", 10, 1)))

    found = blob_spans(stored, ByteSpan(8, 12))

    assert [(part.blob_id, part.offset, part.size_bytes) for part in found] == [
        (b"a", 13, 2),
        (b"b", 0, 10),
    ]
