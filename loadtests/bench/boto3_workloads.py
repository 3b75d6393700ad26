"""What one boto3 client does, one request after the other: most of the time is boto3's own."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from botocore.exceptions import BotoCoreError, ClientError
from mypy_boto3_s3 import S3Client

from loadtests.bench.arguments import format_size
from loadtests.bench.http_load import LoadError, Measured
from loadtests.bench.store import Store, body_of, check_content, object_key
from loadtests.bench.workloads import Staged

POOL_COUNT = 200
READ_POOL_COUNT = 32
VERIFY_EVERY = 16

Operation = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Boto3Requests:
    """PUT, GET, HEAD or DELETE of objects of one size by one client."""

    method: str
    size_bytes: int

    @property
    def name(self) -> str:
        """The name in the report."""
        return f"boto3 {self.method} {format_size(self.size_bytes)}"

    def prepare(self, store: Store) -> None:
        """Put the objects that are read."""
        if self.method in ("GET", "HEAD"):
            store.seed(self._read_prefix, READ_POOL_COUNT, self.size_bytes)

    def stage(self, store: Store) -> Staged:
        """Make the client, and the objects when they are to be deleted."""
        prefix = store.new_prefix("boto3")
        if self.method == "DELETE":
            store.seed(prefix, POOL_COUNT, self.size_bytes)
        s3 = store.s3()
        s3.head_bucket(Bucket=store.bucket)
        done: list[int] = []
        operations: dict[str, Operation] = {
            "PUT": lambda number: self._put(s3, store, prefix, number),
            "GET": lambda number: self._get(s3, store, number),
            "HEAD": lambda number: self._head(s3, store, number),
            "DELETE": lambda number: self._delete(s3, store, prefix, number),
        }

        def verify() -> None:
            if self.method == "PUT":
                store.read_back(prefix, done, self.size_bytes)

        def run(seconds: float) -> Measured:
            try:
                return self._run(operations[self.method], done, seconds)
            except (ClientError, BotoCoreError) as error:
                raise LoadError(f"{store.name}: {self.name}: {error}") from error

        return Staged(run=run, verify=verify)

    def _run(self, operation: Operation, done: list[int], seconds: float) -> Measured:
        latencies: list[float] = []
        moved = 0
        started = before = time.perf_counter()
        for number in range(POOL_COUNT) if self.method == "DELETE" else count():
            moved += operation(number)
            after = time.perf_counter()
            latencies.append(after - before)
            done.append(number % POOL_COUNT)
            before = after
            if after - started >= seconds:
                break
        return Measured({self.method: latencies}, moved, before - started)

    def _put(self, s3: S3Client, store: Store, prefix: str, number: int) -> int:
        index = number % POOL_COUNT
        body = body_of(index, self.size_bytes)
        s3.put_object(Bucket=store.bucket, Key=object_key(prefix, index), Body=body.data)
        return self.size_bytes

    def _get(self, s3: S3Client, store: Store, number: int) -> int:
        index = number % READ_POOL_COUNT
        key = object_key(self._read_prefix, index)
        data = s3.get_object(Bucket=store.bucket, Key=key)["Body"].read()
        if number % VERIFY_EVERY == 0:
            check_content(store.name, key, data, body_of(index, self.size_bytes))
        elif len(data) != self.size_bytes:
            raise LoadError(f"{store.name}: {key} has {len(data)} bytes")
        return len(data)

    def _head(self, s3: S3Client, store: Store, number: int) -> int:
        key = object_key(self._read_prefix, number % READ_POOL_COUNT)
        head = s3.head_object(Bucket=store.bucket, Key=key)
        if head["ContentLength"] != self.size_bytes:
            raise LoadError(f"{store.name}: {key} has {head['ContentLength']} bytes")
        return 0

    def _delete(self, s3: S3Client, store: Store, prefix: str, number: int) -> int:
        s3.delete_object(Bucket=store.bucket, Key=object_key(prefix, number))
        return 0

    @property
    def _read_prefix(self) -> str:
        return f"boto3-{self.method.lower()}/{self.size_bytes}"
