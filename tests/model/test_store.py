"""The real store against the reference model: any operations, restarts and crashes.

``RUCKET_MODEL_EXAMPLES=500`` runs more than the default. A failure prints the steps to it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from rucket.model.records import BucketStatistics
from rucket.service.garbage import collect_garbage, remove_orphans
from rucket.service.reading import ByteSpan
from rucket.state.rows import find_bucket, find_statistics
from tests.model.blob_files import check_blobs
from tests.model.encryption_rules import EncryptionRules
from tests.model.node import INLINE_SIZE_BYTES_MAX, Node
from tests.model.reference import (
    PART_SIZE_BYTES_MIN,
    ModelBucket,
    ModelObject,
    ModelUpload,
    Reference,
    Refused,
    list_page,
    new_object,
)
from tests.model.requests import Client, condition
from tests.unit.state.applied_log import recount

if TYPE_CHECKING:
    from rucket.service.multipart import UploadName

EXAMPLES = int(os.environ.get("RUCKET_MODEL_EXAMPLES", "50"))
STEP_COUNT = 40
_OWNERS = st.sampled_from(["alice", "bob"])
_NAMES = st.sampled_from(["bucket-one", "bucket-two"])
_KEYS = st.sampled_from(
    ["a", "a0", "a/b", "a/c", "a/c/d", "a\0", "a\0b", "b//x", "b/", "é/ü", "\U0001f600", "z" * 1024]
)
_SIZES = st.sampled_from(
    [0, 1, INLINE_SIZE_BYTES_MAX, INLINE_SIZE_BYTES_MAX + 1, 5000, 300_000, 1024 * 1024 + 17]
)
_PART_SIZES = st.sampled_from([0, 1, 5000, PART_SIZE_BYTES_MIN, PART_SIZE_BYTES_MIN + 1])
_PART_NUMBERS = st.integers(1, 3)
_PREFIXES = st.sampled_from(["", "", "", "a", "a/", "b/", "a\0", "é", "nothing"])
_DELIMITERS = ("", "/", "//", "\0", "c/")
_LIMITS = st.integers(1, 5)
_BLOCK = bytes(range(256)) * (PART_SIZE_BYTES_MIN // 256 + 1)


class StoreMachine(EncryptionRules):
    """Everything that can be done to a node, with what the model says of it."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="rucket-model-"))
        self.node = Node(self.directory)
        self.client = Client(self.node)
        self.model = Reference()
        self.completed: dict[bytes, tuple[str, UploadName, list[tuple[int, str]], str]] = {}
        self.salt = 0
        self.older_index: Path | None = None

    def teardown(self) -> None:
        """Looks at everything once more, and removes it."""
        try:
            if sys.exc_info()[0] is None:  # a step that failed says enough
                self.check_all_objects()
                check_blobs(self.node)
        finally:
            self.node.close()
            shutil.rmtree(self.directory)

    def data(self, size_bytes: int) -> bytes:
        """Bytes that were never written before, where there are enough of them."""
        self.salt += 1
        return (self.salt.to_bytes(8, "big") + _BLOCK)[:size_bytes]

    def bucket(self, name: str) -> ModelBucket | None:
        """What the model knows of a bucket."""
        return self.model.buckets.get(name)

    @initialize(owner=_OWNERS)
    def begin(self, owner: str) -> None:
        """There is a bucket."""
        self.create_bucket("bucket-one", owner)

    # buckets and users

    @rule(name=_NAMES, owner=_OWNERS)
    def create_bucket(self, name: str, owner: str) -> None:
        """CreateBucket."""
        answer = self.client.ask(self.client.create_bucket(name, owner))
        assert answer == self.model.create_bucket(name, owner)

    @rule(name=_NAMES)
    def delete_bucket(self, name: str) -> None:
        """DeleteBucket."""
        bucket = self.bucket(name)
        owner = bucket.owner if bucket else "alice"
        answer = self.client.ask(self.client.delete_bucket(name, owner))
        expected = self.model.delete_bucket(name) if bucket else Refused("NoSuchBucket")
        assert answer == expected
        if expected is None:
            self.completed = {i: kept for i, kept in self.completed.items() if kept[0] != name}

    @rule(name=_OWNERS, email=st.sampled_from(["", "x@example.com"]), key=st.integers(1, 3))
    def create_user(self, name: str, email: str, key: int) -> None:
        """By the admin API."""
        answer = self.client.ask(self.client.create_user(name, email, f"KEY-{key}"))
        assert answer == self.model.create_user(name, email, f"KEY-{key}")

    @rule(name=_OWNERS)
    def delete_user(self, name: str) -> None:
        """By the admin API."""
        answer = self.client.ask(self.client.delete_user(name))
        assert answer == self.model.delete_user(name)

    # objects

    @rule(
        name=_NAMES,
        key=_KEYS,
        size_bytes=_SIZES,
        if_match=st.sampled_from(["", "", "", "*", "current", "other"]),
        if_none_match=st.sampled_from(["", "", "", "*", "current", "other"]),
    )
    def put(self, name: str, key: str, size_bytes: int, if_match: str, if_none_match: str) -> None:
        """PutObject, on all kinds of conditions."""
        bucket = self.bucket(name)
        if bucket is None:
            return
        current = bucket.objects.get(key)
        etag = current.etag if current else "none"
        tags = [text.replace("current", etag) for text in (if_match, if_none_match)]
        new = new_object(self.data(size_bytes))
        answer = self.client.ask(self.client.put(name, key, new.data, condition(*tags)))
        assert answer == (self.model.put(bucket, key, new, *tags) or new.etag)

    @rule(
        name=_NAMES, keys=st.lists(_KEYS, unique=True, min_size=2, max_size=12), size_bytes=_SIZES
    )
    def put_together(self, name: str, keys: list[str], size_bytes: int) -> None:
        """Several at the same time, which share a sync."""
        bucket = self.bucket(name)
        if bucket is None:
            return
        new = [new_object(self.data(size_bytes)) for _ in keys]
        answers = self.client.ask_together(
            [
                self.client.put(name, key, made.data, condition())
                for key, made in zip(keys, new, strict=True)
            ]
        )
        assert answers == [made.etag for made in new]
        bucket.objects |= dict(zip(keys, new, strict=True))

    @rule(name=_NAMES, key=_KEYS, size_bytes=st.sampled_from([9, 5000]))
    def race_to_create(self, name: str, key: str, size_bytes: int) -> None:
        """Several who all want to be the first: one is, if there is nothing yet."""
        bucket = self.bucket(name)
        if bucket is None:
            return
        new = [new_object(self.data(size_bytes)) for _ in range(4)]
        only_new = condition(if_none_match="*")
        answers = self.client.ask_together(
            [self.client.put(name, key, made.data, only_new) for made in new]
        )
        winners = [made for made, answer in zip(new, answers, strict=True) if answer == made.etag]
        losers = [answer for answer in answers if answer == Refused("PreconditionFailed")]
        assert len(winners) == (0 if key in bucket.objects else 1)
        assert len(winners) + len(losers) == len(new)
        for winner in winners:
            bucket.objects[key] = winner

    @rule(name=_NAMES, keys=st.lists(_KEYS, unique=True, min_size=1, max_size=4))
    def delete(self, name: str, keys: list[str]) -> None:
        """DeleteObject, for several keys at the same time."""
        bucket = self.bucket(name)
        if bucket is None:
            return
        answers = self.client.ask_together([self.client.delete(name, key) for key in keys])
        assert answers == [None] * len(keys)
        for key in keys:
            bucket.objects.pop(key, None)

    @rule(source=st.tuples(_NAMES, _KEYS), to=st.tuples(_NAMES, _KEYS))
    def copy(self, source: tuple[str, str], to: tuple[str, str]) -> None:
        """CopyObject, to the same key as well."""
        source_bucket, target_bucket = self.bucket(source[0]), self.bucket(to[0])
        if source_bucket is None or target_bucket is None:
            return
        original = source_bucket.objects.get(source[1])
        answer = self.client.ask(self.client.copy(source, to))
        if original is None:
            assert answer == Refused("NoSuchKey")
        else:
            assert answer == original.etag
            target_bucket.objects[to[1]] = original

    @rule(name=_NAMES, key=_KEYS, ends=st.tuples(st.floats(0, 1), st.floats(0, 1)))
    def read(self, name: str, key: str, ends: tuple[float, float]) -> None:
        """GetObject, of a range."""
        bucket = self.bucket(name)
        if bucket is None:
            return
        current = bucket.objects.get(key)
        span = self.span_of(current, ends)
        answer = self.client.ask(self.client.read(name, key, span))
        if current is None:
            assert answer == Refused("NoSuchKey")
        else:
            assert answer == ModelObject(current.data[span.offset : span.end], current.etag)

    @staticmethod
    def span_of(current: ModelObject | None, ends: tuple[float, float]) -> ByteSpan:
        """Some bytes of an object."""
        size_bytes = len(current.data) if current else 0
        first, end = sorted(int(place * size_bytes) for place in ends)
        return ByteSpan(first, end - first)

    # uploads

    def uploads(self) -> list[tuple[str, bytes, ModelUpload]]:
        """All that are pending."""
        return [
            (name, upload_id, upload)
            for name, bucket in sorted(self.model.buckets.items())
            for upload_id, upload in bucket.uploads.items()
        ]

    def pick_upload(self, data: st.DataObject) -> tuple[str, bytes, ModelUpload, UploadName]:
        """One of them."""
        number = data.draw(st.integers(0, len(self.uploads()) - 1), label="upload")
        name, upload_id, upload = self.uploads()[number]
        return name, upload_id, upload, self.client.upload_name(name, upload.key, upload_id)

    @rule(name=_NAMES, key=_KEYS)
    def create_upload(self, name: str, key: str) -> None:
        """CreateMultipartUpload."""
        bucket = self.bucket(name)
        if bucket is not None:
            upload_id = self.client.ask(self.client.create_upload(name, key))
            assert isinstance(upload_id, bytes)
            bucket.uploads[upload_id] = ModelUpload(key)

    @precondition(lambda self: self.uploads())
    @rule(data=st.data(), number=_PART_NUMBERS, size_bytes=_PART_SIZES)
    def put_part(self, data: st.DataObject, number: int, size_bytes: int) -> None:
        """UploadPart, over one that is there as well."""
        _, _, upload, upload_name = self.pick_upload(data)
        new = new_object(self.data(size_bytes))
        answer = self.client.ask(self.client.put_part(upload_name, number, new.data))
        assert answer == new.etag
        upload.parts[number] = new

    @precondition(lambda self: self.uploads())
    @rule(
        data=st.data(),
        number=_PART_NUMBERS,
        ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
        source_number=st.integers(0, 99),
    )
    def copy_part(
        self, data: st.DataObject, number: int, ends: tuple[float, float], source_number: int
    ) -> None:
        """UploadPartCopy, of a range."""
        _, _, upload, upload_name = self.pick_upload(data)
        sources = [
            (name, key)
            for name, bucket in sorted(self.model.buckets.items())
            for key in sorted(bucket.objects)
        ]
        if not sources:
            return
        source = sources[source_number % len(sources)]
        original = self.model.buckets[source[0]].objects[source[1]]
        span = self.span_of(original, ends)
        new = new_object(original.data[span.offset : span.end])
        answer = self.client.ask(self.client.copy_part(source, span, upload_name, number))
        assert answer == new.etag
        upload.parts[number] = new

    @precondition(lambda self: self.uploads())
    @rule(data=st.data(), numbers=st.none() | st.sets(_PART_NUMBERS, min_size=1))
    def complete(self, data: st.DataObject, numbers: set[int] | None) -> None:
        """CompleteMultipartUpload, of all parts or any."""
        name, upload_id, upload, upload_name = self.pick_upload(data)
        chosen = sorted(upload.parts if numbers is None else numbers)
        if not chosen:
            return
        parts = [
            (number, upload.parts[number].etag if number in upload.parts else "e" * 32)
            for number in chosen
        ]
        answer = self.client.ask(self.client.complete(upload_name, parts))
        expected = self.model.complete(self.model.buckets[name], upload_id, chosen)
        if isinstance(expected, Refused):
            assert answer == expected
        else:
            assert answer == expected.etag
            self.completed[upload_id] = (name, upload_name, parts, expected.etag)

    @rule(name=_NAMES, key=_KEYS, sizes=st.sampled_from([(1,), (0,), (PART_SIZE_BYTES_MIN, 5000)]))
    def upload(self, name: str, key: str, sizes: tuple[int, ...]) -> None:
        """All of an upload, and its completion twice."""
        bucket = self.bucket(name)
        if bucket is None:
            return
        upload_id = self.node.run(self.client.create_upload(name, key))
        upload = bucket.uploads[upload_id] = ModelUpload(key)
        upload_name = self.client.upload_name(name, key, upload_id)
        for number, size_bytes in enumerate(sizes, start=1):
            new = upload.parts[number] = new_object(self.data(size_bytes))
            assert self.client.ask(self.client.put_part(upload_name, number, new.data)) == new.etag
        parts = [(number, part.etag) for number, part in upload.parts.items()]
        whole = self.model.complete(bucket, upload_id, list(upload.parts))
        assert isinstance(whole, ModelObject)
        for _ in range(2):
            assert self.client.ask(self.client.complete(upload_name, parts)) == whole.etag
        self.completed[upload_id] = (name, upload_name, parts, whole.etag)

    @precondition(lambda self: self.completed)
    @rule(data=st.data())
    def complete_again(self, data: st.DataObject) -> None:
        """A client that had no answer repeats the request, however late."""
        ids = sorted(self.completed)
        number = data.draw(st.integers(0, len(ids) - 1), label="completed")
        _, upload_name, parts, etag = self.completed[ids[number]]
        assert self.client.ask(self.client.complete(upload_name, parts)) == etag

    @precondition(lambda self: self.uploads())
    @rule(data=st.data())
    def abort(self, data: st.DataObject) -> None:
        """AbortMultipartUpload, once; a second time there is none."""
        name, upload_id, _, upload_name = self.pick_upload(data)
        assert self.client.ask(self.client.abort(upload_name)) is None
        assert self.client.ask(self.client.abort(upload_name)) == Refused("NoSuchUpload")
        del self.model.buckets[name].uploads[upload_id]

    # listings

    @rule(name=_NAMES, prefix=_PREFIXES, start=st.just("") | _KEYS, limit=_LIMITS)
    def list_in_pages(self, name: str, prefix: str, start: str, limit: int) -> None:
        """ListObjectsV2, page by page to the end, under each delimiter."""
        if name in self.model.buckets:
            self.check_listings(name, prefix, start, limit)

    def check_listings(self, name: str, prefix: str, start: str, limit: int) -> None:
        """The same, in a bucket that is there."""
        keys = list(self.model.buckets[name].objects)
        for delimiter in _DELIMITERS:
            after: str | None = start
            while after is not None:
                query = (prefix, delimiter, after, limit)
                expected = list_page(keys, *query)
                assert self.client.ask(self.client.list_page(name, *query)) == expected
                after = expected.next_after

    # what goes on behind the clients' backs

    @rule()
    def collect_garbage(self) -> None:
        """A turn of the garbage collector."""
        self.node.run(collect_garbage(self.node.gateway))

    @rule()
    def remove_orphans(self) -> None:
        """A turn of the search for orphans, when all of them are old."""
        self.node.run(remove_orphans(self.node.gateway_much_later()))

    @rule(step_ms=st.sampled_from([-3_600_000, -1000, 1, 5000]))
    def set_clock(self, step_ms: int) -> None:
        """Somebody sets the clock."""
        self.node.clock.step_ms += step_ms

    @rule()
    def checkpoint(self) -> None:
        """The index becomes durable; log that isn't needed any more goes."""
        self.node.run(self.node.store.checkpoint())
        self.older_index = None

    @rule()
    def restart(self) -> None:
        """In good order."""
        self.node.stop()
        self.node.start()
        assert self.node.replayed == 0

    @rule()
    def crash(self) -> None:
        """Between two requests."""
        self.node.crash()
        self.node.start()
        self.check_all_objects()

    @rule(name=_NAMES, key=_KEYS, size_bytes=_SIZES, turns=st.integers(0, 12))
    def crash_during_a_put(self, name: str, key: str, size_bytes: int, turns: int) -> None:
        """It has happened, whole, or it hasn't."""
        bucket = self.bucket(name)
        if bucket is None:
            return
        new = new_object(self.data(size_bytes))
        self.node.begin(self.client.put(name, key, new.data, condition()), turns)
        self.node.crash()
        self.node.start()
        answer = self.client.ask(self.client.read(name, key))
        if answer == new:
            bucket.objects[key] = new
        else:
            assert answer == bucket.objects.get(key, Refused("NoSuchKey"))

    @rule()
    def keep_index(self) -> None:
        """Keeps a copy of the index as it is on disk now."""
        self.node.stop()
        kept = self.directory / "kept-index.db"
        shutil.copyfile(self.node.index_path, kept)
        self.older_index = kept
        self.node.start()

    @precondition(lambda self: self.older_index is not None)
    @rule()
    def crash_and_lose_index_commits(self) -> None:
        """The index shows an earlier moment, as after a power cut; the log has the rest."""
        assert self.older_index is not None
        self.node.crash()
        self.node.discard_index()
        shutil.copyfile(self.older_index, self.node.index_path)
        self.node.start()
        self.check_all_objects()

    @rule()
    def lose_index(self) -> None:
        """It is built again from the log, if that is still whole."""
        if not self.node.has_whole_log():
            return
        self.node.crash()
        self.node.discard_index()
        self.node.start()
        self.check_all_objects()

    # what has to be true

    @invariant()
    def rows_agree(self) -> None:
        """With one another, and the counters with the model."""
        with self.node.gateway.index.snapshot() as snapshot:
            recount(snapshot)
            for name, bucket in self.model.buckets.items():
                found = find_bucket(snapshot, name)
                assert found is not None
                assert find_statistics(snapshot, found.bucket_id) == BucketStatistics(
                    len(bucket.objects),
                    sum(len(held.data) for held in bucket.objects.values()),
                    len(bucket.uploads),
                )

    @invariant()
    def users_agree(self) -> None:
        """Names, e-mail addresses and access keys."""
        expected = {
            name: (
                email,
                tuple(sorted(key for key, of in self.model.access_keys.items() if of == name)),
            )
            for name, email in self.model.users.items()
        }
        assert self.client.ask(self.client.users()) == expected

    def check_all_objects(self) -> None:
        """Reads every object, and lists them."""
        for name, bucket in self.model.buckets.items():
            self.check_listings(name, "", "", 3)
            for key, expected in bucket.objects.items():
                assert self.client.ask(self.client.read(name, key)) == expected


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEP_COUNT,
    suppress_health_check=list(HealthCheck),
)
TestStore.pytestmark = [pytest.mark.timeout(300 + EXAMPLES)]  # type: ignore[attr-defined]
