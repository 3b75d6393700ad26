"""What users of the store do, as Locust users: each on keys of its own, so that every read can be
compared with what was written.

Locust patches the standard library for its greenlets: this module is imported by workers only.
"""

from __future__ import annotations

import random
import time
import uuid
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

from locust import User, constant, task

from loadtests.client import S3Client, S3Error
from loadtests.contents import Written, difference

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

    from loadtests.work import Work

_T = TypeVar("_T")

_KIB = 1024
_MIB = 1024 * _KIB
_MS_PER_S = 1000
_PAUSE_AFTER_ERROR_S = 0.2


class WrongBytesError(Exception):
    """A read returned something else than what was written."""


class S3User(User):
    """Base: keys with what they hold, and requests that are timed and told to Locust.

    A write without an answer makes a key unsure: it is not read again before it is written anew.
    """

    abstract = True
    wait_time = constant(0)
    work: ClassVar[Work]
    """Set by the worker before anybody runs."""

    key_count: ClassVar[int] = 50

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.name = uuid.uuid4().hex[:12]
        self.choose = random.Random(self.name)
        self.s3 = S3Client(self.work.connection, self.work.bucket)
        self.held: dict[str, Written] = {}
        self._write_count = 0

    def on_stop(self) -> None:
        """Leave nothing behind."""
        for key in list(self.held):
            self.timed("DeleteObject (cleanup)", partial(self.s3.delete, key))
        self.s3.close()

    def some_key(self) -> str:
        """One of this user's keys, written or not."""
        return f"{self.name}/{self.choose.randrange(self.key_count):04}"

    def next_content(self, size_bytes: int) -> Written:
        """What no write of this user has written before."""
        self._write_count += 1
        return Written(self._write_count, size_bytes)

    def timed(self, name: str, send: Callable[[], _T], size_bytes: int = 0) -> _T | None:
        """Send a request, and tell how it went; None if it failed."""
        started_s = time.perf_counter()
        error: Exception | None = None
        result = None
        try:
            result = send()
        except (S3Error, WrongBytesError) as caught:
            error = caught
        duration_ms = (time.perf_counter() - started_s) * _MS_PER_S
        self.environment.events.request.fire(
            request_type="S3",
            name=name,
            response_time=duration_ms,
            response_length=size_bytes,
            exception=error,
        )
        if error is not None:
            time.sleep(_PAUSE_AFTER_ERROR_S)
        return result

    def put(self, key: str, size_bytes: int) -> None:
        """Write a key anew."""
        content = self.next_content(size_bytes)
        body = content.body(key)
        self.held.pop(key, None)
        if self.timed("PutObject", lambda: self.s3.put(key, body), size_bytes) is not None:
            self.held[key] = content

    def get(self, key: str) -> None:
        """Read a key, and compare every byte; a key that holds nothing is written first."""
        content = self.held.get(key)
        if content is not None:
            self.timed("GetObject", lambda: self._read(key, content), content.size_bytes)

    def get_range(self, key: str) -> None:
        """Read some of the bytes of a key, and compare them; a key that holds nothing is left."""
        content = self.held.get(key)
        if content is not None:
            first = self.choose.randrange(content.size_bytes)
            last = self.choose.randrange(first, content.size_bytes)
            self.timed(
                "GetObject (range)",
                lambda: self._read_range(key, content, first, last),
                last + 1 - first,
            )

    def _read(self, key: str, content: Written, version_id: str = "") -> bool:
        return self._compare(key, content.body(key), self.s3.get(key, version_id))

    def _read_range(self, key: str, content: Written, first: int, last: int) -> bool:
        found = self.s3.get_range(key, first, last)
        expected = content.body(key)[first : last + 1]
        return self._compare(f"{key} from byte {first} to {last}", expected, found)

    def _compare(self, what: str, expected: bytes, found: bytes) -> bool:
        if wrong := difference(expected, found):
            self.work.recording.wrong_bytes.append(f"{what}: {wrong}")
            raise WrongBytesError(wrong)
        return True

    def head(self, key: str) -> None:
        """Ask for a key's headers."""
        if key in self.held:
            self.timed("HeadObject", lambda: self.s3.head(key))

    def delete(self, key: str) -> None:
        """Remove a key."""
        if self.held.pop(key, None) is not None:
            self.timed("DeleteObject", lambda: self.s3.delete(key))

    def get_or_put(self, size_bytes: int) -> None:
        """Read one of the keys, or write it if it holds nothing."""
        key = self.some_key()
        if key in self.held:
            self.get(key)
        else:
            self.put(key, size_bytes)


class SmallObjects(S3User):
    """Objects of 1 KiB: as many writes as reads, some looks, some deletes."""

    @task(4)
    def write(self) -> None:
        """Write."""
        self.put(self.some_key(), _KIB)

    @task(4)
    def read(self) -> None:
        """Read."""
        self.get_or_put(_KIB)

    @task(1)
    def look(self) -> None:
        """Look."""
        self.head(self.some_key())

    @task(1)
    def remove(self) -> None:
        """Remove."""
        self.delete(self.some_key())


class LargeObjects(S3User):
    """Objects of 8 MiB, read three times as often as written, whole or in part."""

    key_count = 4

    @task(1)
    def write(self) -> None:
        """Write."""
        self.put(self.some_key(), 8 * _MIB)

    @task(2)
    def read(self) -> None:
        """Read."""
        self.get_or_put(8 * _MIB)

    @task(1)
    def read_range(self) -> None:
        """Read a part."""
        self.get_range(self.some_key())


class Multipart(S3User):
    """Uploads in three parts, each read back whole."""

    key_count = 3
    part_sizes_bytes: ClassVar[tuple[int, ...]] = (5 * _MIB, 5 * _MIB, _MIB)

    @task
    def upload(self) -> None:
        """Upload, and read back."""
        key = self.some_key()
        content = self.next_content(sum(self.part_sizes_bytes))
        body = content.body(key)
        upload_id = self.timed("CreateMultipartUpload", lambda: self.s3.create_upload(key))
        if upload_id is None:
            return
        etags: list[str] = []
        start = 0
        for number, size_bytes in enumerate(self.part_sizes_bytes, 1):
            part = body[start : start + size_bytes]
            start += size_bytes
            etag = self.timed(
                "UploadPart",
                partial(self.s3.upload_part, key, upload_id, number, part),
                size_bytes,
            )
            if etag is None:
                return
            etags.append(etag)
        self.held.pop(key, None)

        def complete() -> bool:
            self.s3.complete_upload(key, upload_id, etags)
            return True

        if self.timed("CompleteMultipartUpload", complete):
            self.held[key] = content
            self.get(key)


class Listing(S3User):
    """Pages of keys under a prefix, whole and folded at a delimiter, over 200 keys a user."""

    key_count = 200

    def on_start(self) -> None:
        """Have something to list."""
        for number in range(self.key_count):
            self.put(f"{self.name}/{number % 10}/{number:04}", 16)

    @task(3)
    def list_all(self) -> None:
        """List this user's keys, which must be exactly those it wrote."""
        self.timed("ListObjectsV2", self._list_all)

    def _list_all(self) -> bool:
        keys: list[str] = []
        token = ""
        while True:
            page, token = self.s3.list_page(f"{self.name}/", token=token, count_max=100)
            keys += page
            if not token:
                break
        if keys != sorted(self.held):
            wrong = f"{len(keys)} keys listed, {len(self.held)} written"
            self.work.recording.wrong_bytes.append(f"listing of {self.name}: {wrong}")
            raise WrongBytesError(wrong)
        return True

    @task(1)
    def list_folders(self) -> None:
        """List what lies under the first delimiter."""
        self.timed(
            "ListObjectsV2 (folders)", lambda: self.s3.list_page(f"{self.name}/", delimiter="/")
        )


class Mixed(S3User):
    """Of 20 requests 14 reads, 4 of them of a part, 5 writes and 1 delete, of sizes as stores see
    them.
    """

    sizes_bytes: ClassVar[tuple[int, ...]] = (_KIB, 16 * _KIB, 64 * _KIB, 256 * _KIB, _MIB)
    weights: ClassVar[tuple[int, ...]] = (40, 25, 20, 10, 5)

    def some_size(self) -> int:
        """A size, small ones more often."""
        return self.choose.choices(self.sizes_bytes, self.weights)[0]

    @task(10)
    def read(self) -> None:
        """Read."""
        self.get_or_put(self.some_size())

    @task(4)
    def read_range(self) -> None:
        """Read a part."""
        self.get_range(self.some_key())

    @task(5)
    def write(self) -> None:
        """Write."""
        self.put(self.some_key(), self.some_size())

    @task(1)
    def remove(self) -> None:
        """Remove."""
        self.delete(self.some_key())


class OverwriteHeavy(S3User):
    """The same five keys written again and again, and read in between."""

    key_count = 5

    @task(4)
    def write(self) -> None:
        """Write."""
        self.put(self.some_key(), self.choose.choice((_KIB, 32 * _KIB)))

    @task(1)
    def read(self) -> None:
        """Read."""
        self.get_or_put(_KIB)


class Versioned(S3User):
    """Versions of ten keys: each is read by its id, the newest without; old ones are deleted."""

    key_count = 10
    versions_kept: ClassVar[int] = 5

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.versions: dict[str, list[tuple[str, Written]]] = {}

    @task(2)
    def write(self) -> None:
        """Write a version; drop the oldest of many."""
        key = self.some_key()
        content = self.next_content(4 * _KIB)
        body = content.body(key)
        self.held.pop(key, None)
        version_id = self.timed("PutObject", lambda: self.s3.put(key, body), content.size_bytes)
        if not version_id:
            return
        self.held[key] = content
        versions = self.versions.setdefault(key, [])
        versions.append((version_id, content))
        if len(versions) > self.versions_kept:
            oldest, _ = versions.pop(0)
            self.timed("DeleteObject (version)", lambda: self.s3.delete(key, oldest))

    @task(3)
    def read(self) -> None:
        """Read some version by its id."""
        key = self.some_key()
        if versions := self.versions.get(key):
            version_id, content = self.choose.choice(versions)
            self.timed(
                "GetObject (version)",
                lambda: self._read(key, content, version_id),
                content.size_bytes,
            )

    @task(2)
    def read_newest(self) -> None:
        """Read without an id."""
        self.get(self.some_key())

    def on_stop(self) -> None:
        """Leave nothing behind."""
        for key, versions in self.versions.items():
            for version_id, _ in versions:
                self.timed(
                    "DeleteObject (cleanup)",
                    partial(self.s3.delete, key, version_id),
                )
        self.s3.close()


PROFILES: dict[str, type[S3User]] = {
    "small": SmallObjects,
    "large": LargeObjects,
    "multipart": Multipart,
    "listing": Listing,
    "mixed": Mixed,
    "overwrite": OverwriteHeavy,
    "versioned": Versioned,
}
