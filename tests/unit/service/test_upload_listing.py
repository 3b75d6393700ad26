"""Listing uploads and parts, page by page, against a plain model."""

from __future__ import annotations

import random

import pytest

from rucket.model.errors import NoSuchUpload
from rucket.model.records import Content, Part
from rucket.service.multipart import UploadName, create_upload, put_part_command
from rucket.service.objects import new_metadata
from rucket.service.upload_listing import PartPage, UploadQuery, list_parts, list_uploads
from tests.unit.service.actions import DESCRIPTION
from tests.unit.service.world import OWNER_ID, World

KEYS = (
    "a",
    "a/",
    "a/b",
    "a/b/c",
    "a\0b",
    "a\0",
    "b/x",
    "b/y",
    "b",
    "c",
    "ü/ö",
    "z\uffff",
    "a" * 20,
)


def _begin(world: World, key: str) -> bytes:
    template = new_metadata(DESCRIPTION, OWNER_ID)
    return world.run(create_upload(world.gateway, world.bucket, key, template, OWNER_ID, None))


def _model(
    uploads: list[tuple[str, bytes]], prefix: str, delimiter: str
) -> list[tuple[str, bytes]]:
    """Everything in order; common prefixes with an empty upload id."""
    found: set[tuple[bytes, bytes]] = set()
    for key, upload_id in uploads:
        if not key.startswith(prefix):
            continue
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        if end < 0:
            found.add((key.encode(), upload_id))
        else:
            found.add((key[: end + len(delimiter)].encode(), b""))
    return [(key.decode(), upload_id) for key, upload_id in sorted(found)]


def _pages(world: World, prefix: str, delimiter: str, limit: int) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    key_marker, upload_id_marker = "", b""
    while True:
        query = UploadQuery(
            world.bucket.bucket_id, prefix, delimiter, key_marker, upload_id_marker or None, limit
        )
        page = world.run(list_uploads(world.gateway, query))
        entries = [(listed.key, listed.upload.upload_id) for listed in page.uploads]
        entries += [(common, b"") for common in page.common_prefixes]
        assert len(entries) <= limit
        assert page.is_truncated == bool(page.next_key_marker)
        found += sorted(entries, key=lambda entry: (entry[0].encode(), entry[1]))
        if not page.is_truncated:
            return found
        assert len(entries) == limit
        key_marker, upload_id_marker = page.next_key_marker, page.next_upload_id_marker


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
@pytest.mark.parametrize("delimiter", ["", "/", "b", "\0"], ids=["none", "slash", "letter", "nul"])
@pytest.mark.parametrize("prefix", ["", "a", "a/", "b", "nothing"])
def test_pages_are_the_whole_in_order(prefix: str, delimiter: str, limit: int) -> None:
    """Every upload and common prefix once, whatever the size of a page."""
    world = World()
    chosen = random.Random(5)
    keys = [key for key in KEYS for _ in range(chosen.randint(1, 3))]
    chosen.shuffle(keys)
    uploads = [(key, _begin(world, key)) for key in keys]

    assert _pages(world, prefix, delimiter, limit) == _model(uploads, prefix, delimiter)


def test_many_uploads_below_a_common_prefix_are_skipped() -> None:
    """Several slices of rows become one entry."""
    world = World()
    for number in range(100):
        _begin(world, f"a/{number}")
    last = _begin(world, "b")

    assert _pages(world, "", "/", 10) == [("a/", b""), ("b", last)]


def test_a_key_marker_alone_is_behind_all_uploads_of_its_key() -> None:
    """Only with an upload id marker may more of them follow."""
    world = World()
    first, second = _begin(world, "a"), _begin(world, "a")
    other = _begin(world, "a\0")

    def after(upload_id_marker: bytes | None) -> list[bytes]:
        query = UploadQuery(
            world.bucket.bucket_id, key_marker="a", upload_id_marker=upload_id_marker
        )
        page = world.run(list_uploads(world.gateway, query))
        return [listed.upload.upload_id for listed in page.uploads]

    assert after(None) == [other]
    assert after(min(first, second)) == [max(first, second), other]


def test_an_empty_page_is_not_truncated() -> None:
    """max-uploads=0."""
    world = World()
    _begin(world, "a")

    page = world.run(list_uploads(world.gateway, UploadQuery(world.bucket.bucket_id, limit=0)))

    assert (page.uploads, page.is_truncated) == ([], False)


def _parts(world: World, name: UploadName, after: int, limit: int) -> PartPage:
    with world.index.snapshot() as snapshot:
        return list_parts(snapshot, name, after=after, limit=limit)[1]


def test_parts_are_listed_by_number() -> None:
    """From behind a marker, as many as are asked for."""
    world = World()
    name = UploadName(world.bucket, "key", _begin(world, "key"))
    for number in (300, 2, 10_000, 1):
        part = Part(0, number, "0" * 32)
        world.commits.apply(put_part_command(world.gateway, name, number, part, Content()))

    def numbers(after: int, limit: int) -> tuple[list[int], bool]:
        page = _parts(world, name, after, limit)
        return [number for number, _ in page.parts], page.is_truncated

    assert numbers(0, 1000) == ([1, 2, 300, 10_000], False)
    assert numbers(0, 2) == ([1, 2], True)
    assert numbers(2, 2) == ([300, 10_000], False)
    assert numbers(10_000, 2) == ([], False)
    assert numbers(99_999, 2) == ([], False)
    assert numbers(0, 0) == ([], False)


def test_parts_of_an_upload_that_has_ended_are_not_listed() -> None:
    """There is no such upload."""
    world = World()

    with pytest.raises(NoSuchUpload):
        _parts(world, UploadName(world.bucket, "key", bytes(16)), 0, 1)
