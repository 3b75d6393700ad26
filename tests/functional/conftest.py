"""Fixtures for tests over real sockets: the endpoint, clients of its users, a bucket of one's own.

The endpoint is a server started for the session, or the one that the environment names
(`tests.clients.target`). What only our own server has, the root user's admin API, is then skipped
unless `RUCKET_TEST_ROOT_ACCESS_KEY` and `RUCKET_TEST_ROOT_SECRET_KEY` are set.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.clients.target import Target, open_target
from tests.functional.raw_http import RawClient
from tests.server_process import ROOT, Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_s3 import S3Client

    from tests.toml_text import Toml

_CONFIG = Config(
    s3={"addressing_style": "path"},
    retries={"total_max_attempts": 1},
    max_pool_connections=16,
    signature_version="s3v4",  # which presigned URLs don't have by default
)


def s3_client(target: Target, credentials: Credentials, config: Config = _CONFIG) -> S3Client:
    """A boto3 client of a user."""
    return boto3.client(
        "s3",
        endpoint_url=target.endpoint,
        region_name=target.region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        config=config,
    )


_ENCRYPTED_AS_WELL = frozenset({"test_copy", "test_multipart", "test_objects", "test_ranges"})
_ENCRYPTION: Mapping[str, Toml] = {
    "storage": {"encryption": {"enabled": True, "master_key": "5e" * 32}}
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests about the bytes of objects run against a server that encrypts them, too."""
    name = metafunc.module.__name__.rpartition(".")[2]
    is_ours = not os.environ.get("RUCKET_TEST_ENDPOINT")
    if "target" in metafunc.fixturenames and name in _ENCRYPTED_AS_WELL and is_ours:
        configurations = [pytest.param({}, id="plain"), pytest.param(_ENCRYPTION, id="encrypted")]
        metafunc.parametrize("target", configurations, indirect=True, scope="session")


@pytest.fixture(scope="session")
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """The endpoint under test."""
    configuration = getattr(request, "param", {})
    with open_target(tmp_path_factory.mktemp("target"), configuration) as opened:
        yield opened


@pytest.fixture(scope="session")
def root_credentials() -> Credentials:
    """The root user's."""
    if not os.environ.get("RUCKET_TEST_ENDPOINT"):
        return ROOT
    access_key = os.environ.get("RUCKET_TEST_ROOT_ACCESS_KEY")
    secret_key = os.environ.get("RUCKET_TEST_ROOT_SECRET_KEY")
    if not access_key or not secret_key:
        pytest.skip("the endpoint's root credentials aren't known")
    return Credentials("root", access_key, secret_key)


@pytest.fixture(scope="session")
def s3(target: Target) -> S3Client:
    """The owner's client."""
    return s3_client(target, target.owner)


@pytest.fixture(scope="session")
def stranger_s3(target: Target) -> S3Client:
    """Somebody else's client."""
    return s3_client(target, target.stranger)


@pytest.fixture(scope="session")
def anonymous_s3(target: Target) -> S3Client:
    """Nobody's client."""
    return s3_client(target, target.owner, _CONFIG.merge(Config(signature_version=UNSIGNED)))


@pytest.fixture
def raw(target: Target) -> Iterator[RawClient]:
    """The owner's client for requests that no SDK would send."""
    with RawClient(target.endpoint, target.region, target.owner) as client:
        yield client


@pytest.fixture
def new_bucket_name(s3: S3Client) -> Iterator[str]:
    """A name for a bucket that the test may make; it is removed with all it holds."""
    name = f"test-{secrets.token_hex(8)}"
    yield name
    remove_bucket(s3, name)


@pytest.fixture
def bucket(s3: S3Client, new_bucket_name: str) -> str:
    """An empty bucket of the owner's."""
    s3.create_bucket(Bucket=new_bucket_name)
    return new_bucket_name


def remove_bucket(s3: S3Client, bucket: str) -> None:
    """Removes a bucket and its objects; one that isn't there is fine."""
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for listed in page.get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=listed["Key"])
        s3.delete_bucket(Bucket=bucket)
    except s3.exceptions.NoSuchBucket:
        return
