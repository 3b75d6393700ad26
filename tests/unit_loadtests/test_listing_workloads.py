"""What listings ask for."""

import re
from urllib.parse import unquote

import pytest

from loadtests.bench.endpoints import Endpoint
from loadtests.bench.listing_workloads import (
    FOLDER_COUNT,
    FOLDERS_PER_LETTER,
    PAGE_COUNT,
    ListPages,
    Page,
    folders,
    listed_prefix,
)
from loadtests.bench.store import Store

STORE = Store(Endpoint("here", "127.0.0.1", 1, "key", "secret"), kept_bucket="kept")


def targets(workload: ListPages) -> list[str]:
    """The request targets, unquoted."""
    return [unquote(one.head.split()[1].decode()) for one in workload.requests(STORE)]


@pytest.mark.parametrize("object_count", [1000, 2000, 10_000, 1_000_000])
def test_a_whole_page_follows_wherever_a_page_of_keys_begins(object_count: int) -> None:
    """All pages are alike: 1,000 keys, from all over the listing."""
    names = folders()
    starts = [
        re.search(r"start-after=([^&]+)", target)
        for target in targets(ListPages(object_count, Page.KEYS))
    ]

    assert starts
    for start in starts:
        assert start is not None
        folder = names.index(start[1].removeprefix(listed_prefix(object_count)))
        assert (FOLDER_COUNT - folder) * (object_count // FOLDER_COUNT) >= PAGE_COUNT


def test_pages_of_folders_are_of_all_or_of_one_letter() -> None:
    """As many as the page says begin with the prefix; they are asked for in the kept bucket."""
    all_folders = targets(ListPages(10_000, Page.ALL_FOLDERS))
    some = targets(ListPages(10_000, Page.SOME_FOLDERS))

    assert len(all_folders) == 1
    assert len(some) == FOLDER_COUNT // FOLDERS_PER_LETTER
    for target in some:
        prefix = re.search(r"prefix=listed-10000/(\w)$", target)
        assert prefix is not None
        assert sum(name.startswith(prefix[1]) for name in folders()) == FOLDERS_PER_LETTER
    assert all(target.startswith("/kept?delimiter=/&") for target in [*all_folders, *some])
