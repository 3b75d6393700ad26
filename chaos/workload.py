"""Clients that write, read, delete and list, and note what they did and saw.

Each request is sent once: a retry would hide what became of the first. A body tells which write it
is of and fills itself from that, so that a single byte of another write is seen.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
)

from rucket_platform.histories.availability import Attempt
from rucket_platform.histories.history import Answer, History, Kind
from rucket_platform.histories.listing import Listing
from rucket_platform.histories.versions import VersionRead, Versions, VersionWrite

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3.client import S3Client

    from chaos.scenario import Load
    from rucket_platform.clients.connection import Connection
    from rucket_platform.histories.history import Operation

_T = TypeVar("_T")

PREFIX = "k/"
_CONNECT_TIMEOUT_S = 2
_READ_TIMEOUT_S = 6
_PAUSE_S_MAX = 0.02
_PAUSE_AFTER_ERROR_S = 0.1
_VERSIONS_REMEMBERED = 200
_NOT_THERE = frozenset({"NoSuchKey", "NoSuchVersion", "404"})
_NEVER_SENT = frozenset({EndpointConnectionError.__name__, ConnectTimeoutError.__name__})
_NO_ANSWER = (BotoCoreError, HTTPClientError, OSError)


def connect(connection: Connection, endpoint: str) -> S3Client:
    """A client that asks once and waits for seconds, not minutes."""
    client: S3Client = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=connection.s3_region,
        aws_access_key_id=connection.access_key_id,
        aws_secret_access_key=connection.secret_access_key,
        config=Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_READ_TIMEOUT_S,
            max_pool_connections=4,
            proxies={},
        ),
    )
    return client


def body_of(write_id: str, size_bytes: int) -> bytes:
    """The bytes of a write: its id and size, then what only they give."""
    head = f"{write_id} {size_bytes}\n".encode()
    seed = hashlib.sha256(head).digest()
    return (head + seed * (size_bytes // len(seed) + 1))[: max(size_bytes, len(head))]


def write_id_of(body: bytes) -> str | None:
    """The write that a body is of, all of it; None if it is of none."""
    try:
        write_id, size = body[: body.index(b"\n")].decode().split(" ")
        return write_id if body == body_of(write_id, int(size)) else None
    except ValueError:
        return None


@dataclass(slots=True)
class Notes:
    """What all clients did and saw; each method may be called from any thread.

    Attributes:
        modified_s: What reads and writes of a key told as Last-Modified, with the moment at which
            the request began and ended.
    """

    history: History = field(default_factory=History)
    attempts: list[Attempt] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    versions: Versions = field(default_factory=Versions)
    modified_s: dict[str, list[tuple[float, float, float]]] = field(default_factory=dict)


class Clients:
    """The threads."""

    def __init__(
        self, connection: Connection, endpoint: str, bucket: str, load: Load, seed: int
    ) -> None:
        self.notes = Notes()
        self._stopping = threading.Event()
        self._start_s = time.monotonic()
        self._threads = [
            threading.Thread(
                target=_Client(
                    f"client-{number}",
                    connect(connection, endpoint),
                    bucket,
                    load,
                    random.Random(f"{seed}/{number}"),
                    self,
                ).run,
                name=f"chaos-client-{number}",
                daemon=True,
            )
            for number in range(load.client_count)
        ]

    def now_s(self) -> float:
        """Seconds since the load began."""
        return time.monotonic() - self._start_s

    @property
    def is_stopping(self) -> bool:
        """Whether no further request is to be sent."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Begin."""
        self._start_s = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the requests under way."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(_CONNECT_TIMEOUT_S + 4 * _READ_TIMEOUT_S)

    def read_all(self, client: S3Client, bucket: str, load: Load) -> None:
        """Read and list everything once more, now that nothing is wrong: part of the notes."""
        last = _Client("last reader", client, bucket, load, random.Random(0), self)
        for key in keys_of(load):
            last.read(key)
        last.list_all()
        if load.keeps_versions:
            for write in list(self.notes.versions.writes):
                last.read_version(write)
            last.list_versions()


def keys_of(load: Load) -> list[str]:
    """The keys that clients meet on."""
    return [f"{PREFIX}{number:02}" for number in range(load.key_count)]


class _Client:
    def __init__(
        self,
        name: str,
        s3: S3Client,
        bucket: str,
        load: Load,
        choose: random.Random,
        clients: Clients,
    ) -> None:
        self._name = name
        self._s3 = s3
        self._bucket = bucket
        self._keys = keys_of(load)
        self._sizes_bytes = load.sizes_bytes
        self._keeps_versions = load.keeps_versions
        self._choose = choose
        self._clients = clients
        self._notes = clients.notes
        self._write_count = 0
        self._last_error = ""

    def run(self) -> None:
        """Send one request after the other until the clients are stopped."""
        while not self._clients.is_stopping:
            key = self._choose.choice(self._keys)
            drawn = self._choose.random()
            if drawn < 0.35:
                self._write(key, Kind.WRITE)
            elif drawn < 0.45:
                self._write(key, Kind.CREATE)
            elif drawn < 0.55:
                self._delete(key)
            elif drawn < 0.70 and self._keeps_versions:
                self._read_some_version()
            elif drawn < 0.95:
                self.read(key)
            else:
                self.list_all()
            time.sleep(self._choose.random() * _PAUSE_S_MAX)

    def read(self, key: str) -> None:
        """Read a key, and compare every byte with what its write wrote."""
        started_s = self._clients.now_s()

        def get() -> tuple[bytes | None, float, str]:
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error.response["Error"]["Code"] in _NOT_THERE:
                    return None, 0.0, ""
                raise
            version_id = answer.get("VersionId", "")
            return answer["Body"].read(), answer["LastModified"].timestamp(), version_id

        found = self._attempt("GetObject", started_s, get)
        if found is None:
            return
        body, modified_s, version_id = found
        ended_s = self._clients.now_s()
        value = None if body is None else self._whole(key, body)
        if body is not None and value is None:
            return
        self._notes.history.read(self._name, key, (value,), started_s, ended_s)
        if body is not None:
            times = self._notes.modified_s.setdefault(key, [])
            times.append((started_s, ended_s, modified_s))
        if body is not None and self._keeps_versions:
            self._notes.versions.reads.append(
                VersionRead(self._name, key, version_id, value, started_s, ended_s, was_named=False)
            )

    def read_version(self, write: VersionWrite) -> None:
        """Read a version by its id, and compare every byte."""
        started_s = self._clients.now_s()

        def get() -> tuple[bytes | None]:
            try:
                answer = self._s3.get_object(
                    Bucket=self._bucket, Key=write.key, VersionId=write.version_id
                )
            except ClientError as error:
                if error.response["Error"]["Code"] in _NOT_THERE:
                    return (None,)
                raise
            return (answer["Body"].read(),)

        found = self._attempt("GetObject (version)", started_s, get)
        if found is None:
            return
        (body,) = found
        value = None if body is None else self._whole(write.key, body)
        if body is None or value is not None:
            ended_s = self._clients.now_s()
            self._notes.versions.reads.append(
                VersionRead(
                    self._name,
                    write.key,
                    write.version_id,
                    value,
                    started_s,
                    ended_s,
                    was_named=True,
                )
            )

    def list_versions(self) -> None:
        """List all versions of all keys, in the order in which the server has them."""

        def pages() -> dict[str, list[str]]:
            listed: dict[str, list[str]] = {}
            found = self._s3.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=PREFIX, PaginationConfig={"PageSize": 7}
            )
            for page in found:
                for item in page.get("Versions", []):
                    listed.setdefault(item["Key"], []).append(item["VersionId"])
            return listed

        listed = self._attempt("ListObjectVersions", self._clients.now_s(), pages)
        if listed is not None:
            self._notes.versions.listed = listed

    def _read_some_version(self) -> None:
        newest = self._notes.versions.writes[-_VERSIONS_REMEMBERED:]
        if newest:
            self.read_version(self._choose.choice(newest))

    def _whole(self, key: str, body: bytes) -> str | None:
        """The write that a body is of; None, and noted, if it is of none."""
        value = write_id_of(body)
        if value is None:
            self._notes.torn.append(
                f"{self._name} read {len(body)} bytes of {key} that no one write has written, "
                f"beginning {body[:40]!r}"
            )
        return value

    def list_all(self) -> None:
        """List all keys, in small pages."""
        started_s = self._clients.now_s()

        def pages() -> frozenset[str]:
            found = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=PREFIX, PaginationConfig={"PageSize": 3}
            )
            return frozenset(item["Key"] for page in found for item in page.get("Contents", []))

        keys = self._attempt("ListObjectsV2", started_s, pages)
        if keys is not None:
            listing = Listing(self._name, keys, started_s, self._clients.now_s())
            self._notes.listings.append(listing)

    def _write(self, key: str, kind: Kind) -> None:
        self._write_count += 1
        write_id = f"{self._name}/{self._write_count}"
        body = body_of(write_id, self._choose.choice(self._sizes_bytes))
        condition = {"IfNoneMatch": "*"} if kind is Kind.CREATE else {}
        started_s = self._clients.now_s()
        operation = self._notes.history.start(self._name, key, kind, write_id, started_s)

        version_ids: list[str] = []

        def put() -> None:
            answer = self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                **condition,  # type: ignore[arg-type]
            )
            version_ids.append(answer.get("VersionId", ""))

        self._settle("PutObject", operation, put)
        if self._keeps_versions and operation.answer is Answer.DONE:
            self._notes.versions.writes.append(
                VersionWrite(key, version_ids[0], write_id, started_s, operation.ended_s)
            )

    def _delete(self, key: str) -> None:
        started_s = self._clients.now_s()
        operation = self._notes.history.start(self._name, key, Kind.DELETE, None, started_s)

        def delete() -> None:
            self._s3.delete_object(Bucket=self._bucket, Key=key)

        self._settle("DeleteObject", operation, delete)

    def _settle(self, name: str, operation: Operation, send: Callable[[], None]) -> None:
        """Send a change. What was not acknowledged stays open, but for the one right refusal."""

        def answered() -> Answer:
            try:
                send()
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if operation.kind is Kind.CREATE and status == HTTPStatus.PRECONDITION_FAILED:
                    return Answer.REFUSED
                raise
            return Answer.DONE

        answer = self._attempt(name, operation.started_s, answered)
        if answer is None and self._last_error in _NEVER_SENT:
            self._notes.history.forget(operation)
        if answer is not None:
            operation.ended_s = self._clients.now_s()
            operation.answer = answer

    def _attempt(self, name: str, started_s: float, send: Callable[[], _T]) -> _T | None:
        error = ""
        result: _T | None = None
        try:
            result = send()
        except ClientError as caught:
            error = caught.response["Error"]["Code"] or "ClientError"
        except _NO_ANSWER as caught:
            error = type(caught).__name__
        ended_s = self._clients.now_s()
        self._notes.attempts.append(Attempt(name, started_s, ended_s, error))
        self._last_error = error
        if error:
            time.sleep(_PAUSE_AFTER_ERROR_S)
        return result
