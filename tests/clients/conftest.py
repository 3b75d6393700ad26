"""Fixtures for tests with real clients: the endpoint, a bucket of one's own, the clients."""

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from mypy_boto3_s3 import S3Client

from tests.clients.locked_environments import Client, provide
from tests.clients.target import Target, open_target

ProvideClient = Callable[[Client], list[str]]

BUCKET_NAME_LENGTH_MAX = 63


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The endpoint that all clients are run against."""
    with open_target(tmp_path_factory.mktemp("target")) as opened:
        yield opened


@pytest.fixture(scope="session")
def provide_client(request: pytest.FixtureRequest) -> ProvideClient:
    """Make a client's environment when it is not cached, with progress on the terminal."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    reporter = request.config.pluginmanager.getplugin("terminalreporter")

    def show(line: str) -> None:
        if capture is None or reporter is None:
            return
        with capture.global_and_fixture_disabled():
            reporter.write_line(line)

    return lambda client: provide(client, show)


@pytest.fixture(scope="session")
def owner_s3(target: Target) -> S3Client:
    """The owner's own S3 client, to prepare and to look behind the client under test."""
    return boto3.client(
        "s3",
        endpoint_url=target.endpoint,
        region_name=target.region,
        aws_access_key_id=target.owner.access_key,
        aws_secret_access_key=target.owner.secret_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}),
    )


@pytest.fixture
def new_bucket_name(request: pytest.FixtureRequest, owner_s3: S3Client) -> Iterator[str]:
    """A name for a bucket that the test may make; it is removed with all it holds."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")
    suffix = secrets.token_hex(4)
    name = f"{words[: BUCKET_NAME_LENGTH_MAX - len(suffix) - 1]}-{suffix}"
    yield name
    remove_bucket(owner_s3, name)


@pytest.fixture
def bucket(new_bucket_name: str, owner_s3: S3Client) -> str:
    """An empty bucket that belongs to the owner."""
    owner_s3.create_bucket(Bucket=new_bucket_name)
    return new_bucket_name


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home directory for the client under test."""
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


def remove_bucket(s3: S3Client, bucket: str) -> None:
    """Remove a bucket, its objects and unfinished uploads; one that is not there is fine."""
    try:
        for upload_page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            for upload in upload_page.get("Uploads", []):
                s3.abort_multipart_upload(
                    Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                )
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            rows = page.get("Contents", [])
            if rows:
                s3.delete_objects(
                    Bucket=bucket,
                    Delete={"Objects": [{"Key": row["Key"]} for row in rows], "Quiet": True},
                )
        s3.delete_bucket(Bucket=bucket)
    except s3.exceptions.NoSuchBucket:
        return
