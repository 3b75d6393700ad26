"""What sixteen connections of the load generator do. Source: Amazon S3 API reference.

A workload is staged (objects put, requests signed), then run against the clock, then verified.
`prepare` is called once for each store.
"""

import hashlib
import random
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from loadtests.bench.arguments import format_size
from loadtests.bench.http_load import LoadError, Measured, Request, Script, run_scripts
from loadtests.bench.store import CONNECTION_COUNT, Store, body_of, check_content, object_key

MIB = 1024 * 1024
VERIFY_EVERY = 64
PUT_POOL_BYTES = 256 * MIB
PUT_POOL_COUNT_MAX = 8192
GET_POOL_BYTES = 64 * MIB
GET_POOL_COUNT_MAX = 1024
PART_BYTES = 8 * MIB
PART_COUNT = 8
UPLOAD_CONNECTION_COUNT = 4
MIXED_SIZE_BYTES = 64 * 1024
MIXED_STEPS = ("GET",) * 70 + ("PUT",) * 25 + ("DELETE",) * 5
LIST_FOLDER_COUNT = 50
LIST_PAGE_COUNT = 1000


@dataclass(frozen=True, slots=True)
class Staged:
    """A run that is ready: `run` takes the time, `verify` looks at what it left."""

    run: Callable[[float], Measured]
    verify: Callable[[], None]


class Workload(Protocol):
    """One line of the report."""

    @property
    def name(self) -> str:
        """The name in the report."""

    def prepare(self, store: Store) -> None:
        """Put what all runs read; called once for each store."""

    def stage(self, store: Store) -> Staged:
        """Get one run ready."""


@dataclass(frozen=True, slots=True)
class PutObjects:
    """PUT of new objects."""

    size_bytes: int

    @property
    def name(self) -> str:
        """The name in the report."""
        return f"16 clients PUT {format_size(self.size_bytes)}"

    def prepare(self, store: Store) -> None:
        """Nothing is needed."""

    def stage(self, store: Store) -> Staged:
        """Sign PUTs of keys that no run has used; a run that ends them starts over."""
        prefix = store.new_prefix("put")
        pool = _pool_count(self.size_bytes, PUT_POOL_BYTES, PUT_POOL_COUNT_MAX)
        requests = store.put_requests(prefix, range(pool), self.size_bytes)
        written: list[int] = []

        def script(first: int) -> Script:
            for number in count(first, CONNECTION_COUNT):
                yield requests[number % pool]
                written.append(number % pool)

        return Staged(
            run=lambda seconds: run_scripts(store.endpoint, _each(script), seconds),
            verify=lambda: store.read_back(prefix, written, self.size_bytes),
        )


@dataclass(frozen=True, slots=True)
class GetObjects:
    """GET of objects that were put before, or HEAD of them."""

    size_bytes: int
    method: str = "GET"

    @property
    def name(self) -> str:
        """The name in the report."""
        return f"16 clients {self.method} {format_size(self.size_bytes)}"

    def prepare(self, store: Store) -> None:
        """Put the objects."""
        store.seed(self._prefix, self._pool, self.size_bytes)

    def stage(self, store: Store) -> Staged:
        """Sign reads of all objects; some of the answers are compared with what was put."""
        requests = _read_requests(store, self.method, self._prefix, self._pool, self.size_bytes)

        def script(first: int) -> Script:
            for number in count(first, CONNECTION_COUNT):
                request = requests[number % self._pool]
                answer = yield request
                if request.keep_body:
                    body = body_of(number % self._pool, self.size_bytes)
                    check_content(store.name, f"object {number}", answer.body, body)

        return Staged(
            run=lambda seconds: run_scripts(store.endpoint, _each(script), seconds),
            verify=_nothing,
        )

    @property
    def _pool(self) -> int:
        # Odd, so that every connection comes by every object and every sample.
        return _pool_count(self.size_bytes, GET_POOL_BYTES, GET_POOL_COUNT_MAX) - 1

    @property
    def _prefix(self) -> str:
        return f"{self.method.lower()}/{self.size_bytes}"


@dataclass(frozen=True, slots=True)
class DeleteObjects:
    """DELETE of objects that were put just before, until none is left."""

    object_count: int
    size_bytes: int = 1024

    @property
    def name(self) -> str:
        """The name in the report."""
        return f"16 clients DELETE {format_size(self.size_bytes)}"

    def prepare(self, store: Store) -> None:
        """Nothing is needed."""

    def stage(self, store: Store) -> Staged:
        """Put the objects and sign their deletions."""
        prefix = store.new_prefix("delete")
        store.seed(prefix, self.object_count, self.size_bytes)
        signer = store.signer()
        requests = [
            Request(
                "DELETE",
                signer.head("DELETE", store.path(object_key(prefix, number))),
                expected_status=204,
            )
            for number in range(self.object_count)
        ]
        deleted: list[int] = []

        def script(first: int) -> Script:
            for number in range(first, self.object_count, CONNECTION_COUNT):
                yield requests[number]
                deleted.append(number)

        def verify() -> None:
            listed = store.s3().list_objects_v2(Bucket=store.bucket, Prefix=f"{prefix}/")
            left = min(1000, self.object_count - len(deleted))
            if listed["KeyCount"] != left:
                raise LoadError(f"{store.name}: {listed['KeyCount']} keys left, not {left}")

        return Staged(
            run=lambda seconds: run_scripts(store.endpoint, _each(script), seconds), verify=verify
        )


@dataclass(frozen=True, slots=True)
class UploadInParts:
    """Multipart uploads of 64 MiB: create, eight parts one after the other, complete."""

    @property
    def name(self) -> str:
        """The name in the report."""
        size = format_size(PART_BYTES * PART_COUNT)
        return f"{UPLOAD_CONNECTION_COUNT} clients multipart {size}"

    def prepare(self, store: Store) -> None:
        """Nothing is needed."""

    def stage(self, store: Store) -> Staged:
        """Make the parts' contents; requests are signed as the uploads get their ids."""
        prefix = store.new_prefix("multipart")
        body_of(0, PART_BYTES)
        written: list[str] = []

        def script(first: int) -> Script:
            for number in count():
                key = f"{prefix}/{first}-{number % 4}"
                yield from _upload(store, key)
                written.append(key)

        def verify() -> None:
            for key in written[:1]:
                data = store.s3().get_object(Bucket=store.bucket, Key=key)["Body"].read()
                for part in range(PART_COUNT):
                    piece = data[part * PART_BYTES : (part + 1) * PART_BYTES]
                    check_content(store.name, key, piece, body_of(part, PART_BYTES))

        scripts = [script(first) for first in range(UPLOAD_CONNECTION_COUNT)]
        return Staged(
            run=lambda seconds: run_scripts(store.endpoint, scripts, seconds), verify=verify
        )


@dataclass(frozen=True, slots=True)
class Mixed:
    """70 % GET, 25 % PUT and 5 % DELETE of what the same connection has put."""

    size_bytes: int = MIXED_SIZE_BYTES

    @property
    def name(self) -> str:
        """The name in the report."""
        return f"16 clients mixed 70/25/5 {format_size(self.size_bytes)}"

    def prepare(self, store: Store) -> None:
        """Put the objects that are read."""
        store.seed("mixed", self._pool, self.size_bytes)

    def stage(self, store: Store) -> Staged:
        """Sign all three kinds; each connection has its own order of them, always the same."""
        prefix = store.new_prefix("mixed-put")
        pool = _pool_count(self.size_bytes, PUT_POOL_BYTES, PUT_POOL_COUNT_MAX)
        gets = _read_requests(store, "GET", "mixed", self._pool, self.size_bytes)
        puts = store.put_requests(prefix, range(pool), self.size_bytes)
        signer = store.signer()
        deletes = [
            Request(
                "DELETE",
                signer.head("DELETE", store.path(object_key(prefix, number))),
                expected_status=204,
            )
            for number in range(pool)
        ]

        def script(first: int) -> Script:
            order = random.Random(first)
            own: deque[int] = deque()
            places = count(first, CONNECTION_COUNT)
            while True:
                step = order.choice(MIXED_STEPS)
                if step == "GET":
                    yield gets[order.randrange(self._pool)]
                elif step == "DELETE" and own:
                    yield deletes[own.popleft()]
                else:
                    place = next(places) % pool
                    yield puts[place]
                    own.append(place)

        return Staged(
            run=lambda seconds: run_scripts(store.endpoint, _each(script), seconds),
            verify=_nothing,
        )

    @property
    def _pool(self) -> int:
        return _pool_count(self.size_bytes, GET_POOL_BYTES, GET_POOL_COUNT_MAX) - 1


@dataclass(frozen=True, slots=True)
class ListPages:
    """ListObjectsV2: pages of 1,000 keys, or the folders of all by a delimiter."""

    object_count: int
    delimiter: bool

    @property
    def name(self) -> str:
        """The name in the report."""
        what = f"{LIST_FOLDER_COUNT} folders" if self.delimiter else f"{LIST_PAGE_COUNT} keys"
        return f"16 clients LIST {what} of {self.object_count}"

    def prepare(self, store: Store) -> None:
        """Put the objects, evenly in folders."""
        in_folder = self.object_count // LIST_FOLDER_COUNT
        for folder in range(LIST_FOLDER_COUNT):
            store.seed(f"{self._prefix}{folder:03d}", in_folder, 1)

    def stage(self, store: Store) -> Staged:
        """Sign pages that start all over the keys; every page's size is checked."""
        signer = store.signer()
        shown = b"<Prefix>" if self.delimiter else b"<Key>"
        expected = LIST_FOLDER_COUNT if self.delimiter else LIST_PAGE_COUNT
        requests = [self._request(store, signer.head, folder) for folder in self._first_folders()]

        def script(first: int) -> Script:
            for number in count(first):
                answer = yield requests[number % len(requests)]
                found = answer.body.count(shown) - self.delimiter
                if found != expected:
                    raise LoadError(f"{store.name}: a page has {found} rows, not {expected}")

        return Staged(
            run=lambda seconds: run_scripts(store.endpoint, _each(script), seconds),
            verify=_nothing,
        )

    def _first_folders(self) -> range:
        """Folders after whose first key a whole page still follows."""
        in_folder = self.object_count // LIST_FOLDER_COUNT
        pages_end = LIST_FOLDER_COUNT - LIST_PAGE_COUNT // in_folder
        return range(max(1, pages_end))

    def _request(self, store: Store, sign: Callable[..., bytes], folder: int) -> Request:
        query = {"list-type": "2", "max-keys": str(LIST_PAGE_COUNT), "prefix": self._prefix}
        if self.delimiter:
            query["delimiter"] = "/"
        elif folder:
            query["start-after"] = f"{self._prefix}{folder:03d}"
        return Request("LIST", sign("GET", f"/{store.bucket}", query=query), keep_body=True)

    @property
    def _prefix(self) -> str:
        return f"list-{'folders' if self.delimiter else 'keys'}/"


def _upload(store: Store, key: str) -> Script:
    signer, path = store.signer(), store.path(key)
    begin = signer.head("POST", path, query={"uploads": ""}, body_size=0)
    begun = yield Request("begin", begin, keep_body=True, ends_unit=False)
    found = re.search(rb"<UploadId>([^<]+)</UploadId>", begun.body)
    if found is None:
        raise LoadError(f"{store.name}: no upload id in {begun.body[:200]!r}")
    upload_id = found[1].decode()
    rows = []
    for part in range(PART_COUNT):
        body = body_of(part, PART_BYTES)
        query = {"partNumber": str(part + 1), "uploadId": upload_id}
        head = signer.head("PUT", path, query=query, body_sha256=body.sha256, body_size=PART_BYTES)
        answer = yield Request("part", head, body.data, ends_unit=False)
        etag = answer.headers["etag"]
        rows.append(f"<Part><PartNumber>{part + 1}</PartNumber><ETag>{etag}</ETag></Part>")
    document = f"<CompleteMultipartUpload>{''.join(rows)}</CompleteMultipartUpload>".encode()
    head = signer.head(
        "POST",
        path,
        query={"uploadId": upload_id},
        body_sha256=hashlib.sha256(document).hexdigest(),
        body_size=len(document),
    )
    completed = yield Request("UPLOAD", head, document, keep_body=True)
    if b"<ETag>" not in completed.body:
        raise LoadError(f"{store.name}: upload not completed: {completed.body[:200]!r}")


def _read_requests(store: Store, method: str, prefix: str, pool: int, size: int) -> list[Request]:
    signer = store.signer()
    return [
        Request(
            method,
            signer.head(method, store.path(object_key(prefix, number))),
            expected_size=0 if method == "HEAD" else size,
            keep_body=method == "GET" and number % VERIFY_EVERY == 0,
            is_head=method == "HEAD",
        )
        for number in range(pool)
    ]


def _pool_count(size_bytes: int, pool_bytes: int, count_max: int) -> int:
    return max(CONNECTION_COUNT, min(count_max, pool_bytes // size_bytes))


def _each(script: Callable[[int], Script]) -> list[Script]:
    return [script(first) for first in range(CONNECTION_COUNT)]


def _nothing() -> None:
    """Answers were checked as they came."""
