"""Listing by prefix and delimiter, against a model that simply looks at every key."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from rucket.model.records import ObjectMetadata
from rucket.ports.index import Table
from rucket.service.listing import (
    ROWS_PER_SNAPSHOT_MAX,
    ListingQuery,
    ObjectPage,
    list_objects,
)
from rucket.state.rows import OBJECT, object_row_key
from tests.unit.fakes import Node

BUCKET_ID = 7
METADATA = OBJECT.encode(ObjectMetadata(b"v", 1, 0, "etag", "owner"))

TEXTS = st.text(alphabet="ab/é\U0001f600\x7f\0", max_size=5)
KEYS = st.lists(st.text(alphabet="ab/é\U0001f600\x7f\0", min_size=1, max_size=5), max_size=40)


def node_with(keys: list[str]) -> Node:
    """A node whose bucket holds these keys, between two other buckets."""
    node = Node()
    for key in keys:
        node.index.put(Table.OBJECTS, object_row_key(BUCKET_ID, key), METADATA)
    for neighbour in (BUCKET_ID - 1, BUCKET_ID + 1):
        node.index.put(Table.OBJECTS, object_row_key(neighbour, "foreign"), METADATA)
    return node


def shown(page: ObjectPage) -> list[str]:
    """Keys and common prefixes, in byte order."""
    entries = [key for key, _ in page.objects] + page.common_prefixes
    return sorted(entries, key=str.encode)


def expected_entries(keys: list[str], prefix: str, delimiter: str) -> list[str]:
    """What a listing without a limit shows, in byte order."""
    entries: set[str] = set()
    for key in keys:
        if not key.startswith(prefix):
            continue
        rest = key[len(prefix) :]
        if delimiter and delimiter in rest:
            entries.add(prefix + rest[: rest.index(delimiter)] + delimiter)
        else:
            entries.add(key)
    return sorted(entries, key=str.encode)


def run_node(keys: list[str], query: ListingQuery) -> tuple[ObjectPage, Node]:
    """One page, and the node it came from."""

    async def body() -> tuple[ObjectPage, Node]:
        node = node_with(keys)
        node.index.scan_limit_max = 0
        return await list_objects(node.gateway, query), node

    return asyncio.run(body())


@given(
    keys=KEYS,
    prefix=TEXTS,
    delimiter=st.text(alphabet="ab/é", max_size=2),
    after=TEXTS,
    limit=st.integers(1, 12),
)
def test_a_page_is_the_next_entries_after_its_start(
    keys: list[str], prefix: str, delimiter: str, after: str, limit: int
) -> None:
    """A page holds the first entries greater than `after`, and knows whether there are more."""
    query = ListingQuery(BUCKET_ID, prefix, delimiter, after, limit)

    page, _ = run_node(keys, query)

    candidates = [
        entry
        for entry in expected_entries(keys, prefix, delimiter)
        if entry.encode() > after.encode()
    ]
    assert shown(page) == candidates[:limit]
    assert page.is_truncated == (len(candidates) > limit)
    if page.is_truncated:
        assert page.next_after == candidates[limit - 1]


@given(
    keys=KEYS, prefix=TEXTS, delimiter=st.text(alphabet="ab/é", max_size=2), limit=st.integers(1, 7)
)
def test_pages_put_together_are_the_whole_listing(
    keys: list[str], prefix: str, delimiter: str, limit: int
) -> None:
    """Going on after each page's last entry shows everything once."""

    async def all_pages() -> list[str]:
        node = node_with(keys)
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            query = ListingQuery(BUCKET_ID, prefix, delimiter, after, limit)
            page = await list_objects(node.gateway, query)
            found += shown(page)
            after = page.next_after
        return found

    assert asyncio.run(all_pages()) == expected_entries(keys, prefix, delimiter)


def test_a_limit_of_zero_is_an_empty_page() -> None:
    """max-keys=0 shows nothing and isn't truncated."""
    page, _ = run_node(["a"], ListingQuery(BUCKET_ID, limit=0))

    assert shown(page) == []
    assert not page.is_truncated


def test_what_is_rolled_up_costs_next_to_nothing() -> None:
    """Ten common prefixes over ten thousand keys are found by reading a few rows each."""
    keys = [f"{group}/{number:05}" for group in range(10) for number in range(1000)]

    page, node = run_node(keys, ListingQuery(BUCKET_ID, delimiter="/"))

    assert page.common_prefixes == [f"{group}/" for group in range(10)]
    assert node.index.scanned_row_count <= 10 * 10


def test_small_groups_are_read_in_large_slices() -> None:
    """A thousand groups of one key each take few scans."""
    keys = [f"{group:04}/key" for group in range(1000)]

    page, node = run_node(keys, ListingQuery(BUCKET_ID, delimiter="/"))

    assert len(page.common_prefixes) == 1000
    assert node.index.scan_count <= 10


def test_objects_side_by_side_are_read_one_after_the_other() -> None:
    """Where a delimiter rolls nothing up, rows aren't searched for one by one."""
    keys = [f"folder/{number:04}" for number in range(1000)]

    page, node = run_node(keys, ListingQuery(BUCKET_ID, prefix="folder/", delimiter="/"))

    assert len(page.objects) == 1000
    assert node.index.group_row_count <= 32


def test_no_scan_asks_for_more_than_a_slice() -> None:
    """A page of 1,000 keys is read in slices, none larger than a snapshot may read."""
    keys = [f"{number:05}" for number in range(2500)]

    page, node = run_node(keys, ListingQuery(BUCKET_ID))

    assert len(page.objects) == 1000
    assert page.next_after == "00999"
    assert node.index.scan_limit_max <= ROWS_PER_SNAPSHOT_MAX
