"""Listings: pages of 1,000 keys, and first pages under a delimiter, out of any number of keys.

The keys lie evenly in 1,000 folders, 50 of which begin with the same letter; so the same page can
be asked for in ten thousand keys and in a million, and whether its cost grows with what it skips
can be seen.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from loadtests.bench.http_load import LoadError, Request, Script, run_scripts
from loadtests.bench.signing import Signer
from loadtests.bench.store import CONNECTION_COUNT, Store, once
from loadtests.bench.workloads import Staged

LETTERS = "abcdefghijklmnopqrst"
FOLDERS_PER_LETTER = 50
FOLDER_COUNT = len(LETTERS) * FOLDERS_PER_LETTER
PAGE_COUNT = 1000
SEED_SECONDS_MAX = 300.0
FOLDERS_PER_SEEDING = 20


class Page(enum.Enum):
    """What a page shows."""

    KEYS = "1000 keys"
    ALL_FOLDERS = "1000 folders"
    SOME_FOLDERS = "50 folders"


@dataclass(frozen=True, slots=True)
class ListPages:
    """ListObjectsV2, one kind of page out of `object_count` keys (a multiple of 1,000)."""

    object_count: int
    page: Page

    @property
    def name(self) -> str:
        """The name in the report."""
        return f"{CONNECTION_COUNT} clients LIST {self.page.value} of {self.object_count}"

    def prepare(self, store: Store) -> None:
        """Put the objects, unless an earlier workload or run has put them all."""
        put_listed(store, self.object_count)

    def stage(self, store: Store) -> Staged:
        """Sign pages from all over the keys; the rows of every answer are counted."""
        requests = list(self.requests(store))
        shown = b"<Key>" if self.page is Page.KEYS else b"<CommonPrefixes>"
        expected = FOLDERS_PER_LETTER if self.page is Page.SOME_FOLDERS else PAGE_COUNT

        def script(first: int) -> Script:
            for number in count(first):
                answer = yield requests[number % len(requests)]
                found = answer.body.count(shown)
                if found != expected:
                    raise LoadError(f"{store.name}: a page has {found} rows, not {expected}")

        return Staged(
            run=lambda seconds: run_scripts(
                store.endpoint, [script(first) for first in range(CONNECTION_COUNT)], seconds
            ),
            verify=lambda: None,
        )

    def requests(self, store: Store) -> Iterator[Request]:
        """The requests, signed."""
        signer = store.signer()
        prefix = listed_prefix(self.object_count)
        if self.page is Page.ALL_FOLDERS:
            yield _list(signer, store, {"prefix": prefix, "delimiter": "/"})
        elif self.page is Page.SOME_FOLDERS:
            for letter in LETTERS:
                yield _list(signer, store, {"prefix": prefix + letter, "delimiter": "/"})
        else:
            # A whole page follows on each of these folders.
            in_folder = self.object_count // FOLDER_COUNT
            for folder in folders()[: FOLDER_COUNT - max(1, PAGE_COUNT // in_folder) + 1 : 50]:
                yield _list(signer, store, {"prefix": prefix, "start-after": f"{prefix}{folder}"})


def listed_prefix(object_count: int) -> str:
    """What the keys of a listing of that many begin with."""
    return f"listed-{object_count}/"


def folders() -> list[str]:
    """The folders' names, in the order of a listing."""
    return [f"{letter}{n:02d}" for letter in LETTERS for n in range(FOLDERS_PER_LETTER)]


def put_listed(store: Store, object_count: int) -> None:
    """Put `object_count` objects of one byte, evenly in folders; nothing is done a second time.

    Raises:
        LoadError: A PUT failed, or some thousand took longer than minutes.
    """
    prefix = listed_prefix(object_count)
    done = f"{prefix.rstrip('/')}.complete"
    s3 = store.s3()
    if s3.list_objects_v2(Bucket=store.listed_bucket, Prefix=done)["KeyCount"]:
        return
    in_folder = object_count // FOLDER_COUNT
    names = folders()
    for start in range(0, FOLDER_COUNT, FOLDERS_PER_SEEDING):
        requests: list[Request] = []
        for folder in names[start : start + FOLDERS_PER_SEEDING]:
            requests += store.put_requests(
                f"{prefix}{folder}", range(in_folder), 1, bucket=store.listed_bucket
            )
        scripts = [once(requests[n::CONNECTION_COUNT]) for n in range(CONNECTION_COUNT)]
        measured = run_scripts(store.endpoint, scripts, SEED_SECONDS_MAX)
        if measured.unit_count != len(requests):
            raise LoadError(
                f"{store.name}: putting {len(requests)} keys took more than {SEED_SECONDS_MAX} s"
            )
    s3.put_object(Bucket=store.listed_bucket, Key=done, Body=b"")


def _list(signer: Signer, store: Store, query: dict[str, str]) -> Request:
    asked = {"list-type": "2", "max-keys": str(PAGE_COUNT), **query}
    head = signer.head("GET", f"/{store.listed_bucket}", query=asked)
    return Request("LIST", head, keep_body=True)
