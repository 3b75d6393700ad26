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
GET_LARGE_POOL_BYTES = 512 * MIB
PART_BYTES = 8 * MIB
PART_COUNT = 8
UPLOADS_KEPT_COUNT = 2
VERIFIED_IN_RUN_BYTES_MAX = MIB
MIXED_SIZE_BYTES = 64 * 1024
MIXED_STEPS = ("GET",) * 70 + ("PUT",) * 25 + ("DELETE",) * 5


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
        if self.size_bytes > VERIFIED_IN_RUN_BYTES_MAX:
            store.read_back(self._prefix, range(self._pool), self.size_bytes)

    def stage(self, store: Store) -> Staged:
        """Sign reads of all objects; some of the answers are compared with what was put.

        Large ones were compared when they were put: hashing them is time of the server's.
        """
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
        if self.size_bytes > VERIFIED_IN_RUN_BYTES_MAX:
            return max(1, GET_LARGE_POOL_BYTES // self.size_bytes - 1)
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
        return f"{CONNECTION_COUNT} clients multipart {size}"

    def prepare(self, store: Store) -> None:
        """Nothing is needed."""

    def stage(self, store: Store) -> Staged:
        """Make the parts' contents; requests are signed as the uploads get their ids."""
        body_of(0, PART_BYTES)
        written: list[str] = []

        def script(first: int) -> Script:
            for number in count():
                # Always the same keys: a run writes a GiB and more, which has to fit on the disk.
                key = f"multipart/{first}-{number % UPLOADS_KEPT_COUNT}"
                yield from _upload(store, key)
                written.append(key)

        def verify() -> None:
            for key in written[:1]:
                data = store.s3().get_object(Bucket=store.bucket, Key=key)["Body"].read()
                for part in range(PART_COUNT):
                    piece = data[part * PART_BYTES : (part + 1) * PART_BYTES]
                    check_content(store.name, key, piece, body_of(part, PART_BYTES))

        return Staged(
            run=lambda seconds: run_scripts(store.endpoint, _each(script), seconds), verify=verify
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
            keep_body=method == "GET"
            and size <= VERIFIED_IN_RUN_BYTES_MAX
            and number % VERIFY_EVERY == 0,
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
