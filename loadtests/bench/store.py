"""One store under measurement: its endpoint, a bucket of the run's own, and known contents."""

import hashlib
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import islice

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from mypy_boto3_s3 import S3Client

from loadtests.bench.endpoints import Endpoint, EndpointError
from loadtests.bench.http_load import LoadError, Request, Script, run_scripts
from loadtests.bench.signing import Signer

CONNECTION_COUNT = 16
BODY_COUNT = 8
BODIES_BYTES_MAX = 64 * 1024 * 1024
SEED_SECONDS_MAX = 300.0
READ_BACK_COUNT = 8
PROBE_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes that don't compress, and their hash."""

    data: bytes
    sha256: str


@cache
def bodies(size_bytes: int) -> tuple[Body, ...]:
    """The few contents of that size; the object numbered n has the one numbered n mod count."""
    count = max(1, min(BODY_COUNT, BODIES_BYTES_MAX // size_bytes))
    made = [random.Random(f"{size_bytes}/{n}").randbytes(size_bytes) for n in range(count)]
    return tuple(Body(data, hashlib.sha256(data).hexdigest()) for data in made)


def body_of(index: int, size_bytes: int) -> Body:
    """The content of the object with that number."""
    known = bodies(size_bytes)
    return known[index % len(known)]


@dataclass(slots=True)
class Store:
    """An endpoint with a bucket that lives as long as the benchmark.

    `kept_bucket` names another one that is made where it is missing and stays: for the keys of
    large listings, which take long to put.
    """

    endpoint: Endpoint
    kept_bucket: str | None = None
    bucket: str = field(default_factory=lambda: f"bench-{secrets.token_hex(4)}")
    _run_count: int = 0

    @property
    def listed_bucket(self) -> str:
        """Where the keys of listings are."""
        return self.kept_bucket or self.bucket

    @property
    def name(self) -> str:
        """The name in the report."""
        return self.endpoint.name

    def new_prefix(self, word: str) -> str:
        """A prefix for keys that no run has used yet."""
        self._run_count += 1
        return f"{word}/{self._run_count:04d}"

    def signer(self) -> Signer:
        """A signer for requests of the next minutes."""
        return Signer(self.endpoint, datetime.now(UTC))

    def path(self, key: str, bucket: str | None = None) -> str:
        """A key's path in the bucket."""
        return f"/{bucket or self.bucket}/{key}"

    def s3(self) -> S3Client:
        """A boto3 client, as a program would make it, without retries."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint.url,
            region_name=self.endpoint.region,
            aws_access_key_id=self.endpoint.access_key,
            aws_secret_access_key=self.endpoint.secret_key,
            config=Config(
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                connect_timeout=PROBE_TIMEOUT_S,
            ),
        )

    def open(self) -> str:
        """Make the bucket; return how the server names itself.

        Raises:
            EndpointError: The store is not there or refuses the keys.
        """
        try:
            made = self.s3().create_bucket(Bucket=self.bucket)
            if self.kept_bucket is not None:
                self._make_kept_bucket(self.kept_bucket)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise EndpointError(
                f"{self.name} at {self.endpoint.url} refuses to make a bucket: {code} "
                f"(access key {self.endpoint.access_key})"
            ) from error
        except BotoCoreError as error:
            raise EndpointError(f"{self.name} at {self.endpoint.url}: {error}") from error
        return str(made["ResponseMetadata"]["HTTPHeaders"].get("server", "unknown"))

    def _make_kept_bucket(self, name: str) -> None:
        s3 = self.s3()
        try:
            s3.create_bucket(Bucket=name)
        except (s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
            s3.head_bucket(Bucket=name)

    def close(self) -> None:
        """Remove the bucket and all that the run has put into it.

        Raises:
            EndpointError: The store would not have it; the bucket is still there.
        """
        try:
            self._remove_bucket()
        except (ClientError, BotoCoreError) as error:
            raise EndpointError(
                f"{self.name}: bucket {self.bucket} could not be removed: {error}"
            ) from error

    def _remove_bucket(self) -> None:
        s3 = self.s3()
        for upload_page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket):
            for upload in upload_page.get("Uploads", []):
                s3.abort_multipart_upload(
                    Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                )
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket):
            rows = page.get("Contents", [])
            if rows:
                s3.delete_objects(
                    Bucket=self.bucket,
                    Delete={"Objects": [{"Key": row["Key"]} for row in rows], "Quiet": True},
                )
        s3.delete_bucket(Bucket=self.bucket)

    def put_requests(
        self, prefix: str, indexes: Sequence[int], size: int, *, bucket: str | None = None
    ) -> list[Request]:
        """Signed PUTs of the objects with these numbers."""
        signer = self.signer()
        made = []
        for index in indexes:
            body = body_of(index, size)
            head = signer.head(
                "PUT",
                self.path(object_key(prefix, index), bucket),
                body_sha256=body.sha256,
                body_size=size,
            )
            made.append(Request("PUT", head, body.data))
        return made

    def seed(self, prefix: str, count: int, size: int) -> None:
        """Put `count` objects numbered from 0, before the clock runs.

        Raises:
            LoadError: A PUT failed, or it took too long.
        """
        requests = self.put_requests(prefix, range(count), size)
        scripts = [once(requests[n::CONNECTION_COUNT]) for n in range(CONNECTION_COUNT)]
        measured = run_scripts(self.endpoint, scripts, SEED_SECONDS_MAX)
        if measured.unit_count != count:
            raise LoadError(
                f"{self.name}: seeding {count} objects took more than {SEED_SECONDS_MAX} s"
            )

    def read_back(self, prefix: str, indexes: Sequence[int], size: int) -> None:
        """Compare a sample of these objects with what was put.

        Raises:
            LoadError: One of them has other bytes.
        """
        s3 = self.s3()
        step = max(1, len(indexes) // READ_BACK_COUNT)
        for index in islice(indexes, 0, None, step):
            key = object_key(prefix, index)
            data = s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            check_content(self.name, key, data, body_of(index, size))


def object_key(prefix: str, index: int) -> str:
    """The key of the object with that number."""
    return f"{prefix}/{index:06d}"


def check_content(store_name: str, key: str, data: bytes, body: Body) -> None:
    """Compare an object's bytes with what was put, by their hash.

    Raises:
        LoadError: They differ.
    """
    if hashlib.sha256(data).hexdigest() != body.sha256:
        raise LoadError(f"{store_name}: {key} has other bytes than were put ({len(data)} bytes)")


def once(requests: Sequence[Request]) -> Script:
    """A script that sends each request once."""
    # Not `yield from`: that would hand the answers on to the sequence.
    for position in range(len(requests)):
        yield requests[position]
