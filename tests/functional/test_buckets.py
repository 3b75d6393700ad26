"""Buckets by boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.clients.target import Target
from tests.functional.conftest import s3_client
from tests.functional.raw_http import RawClient
from tests.server_process import ALICE, BOB, RucketProcess

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    """Status and code of an error."""
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def names_of(s3: S3Client) -> list[str]:
    """The names of a user's buckets."""
    return [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def test_a_bucket_is_made_listed_and_removed(s3: S3Client, new_bucket_name: str) -> None:
    """It shows while it is there, and only then."""
    s3.create_bucket(Bucket=new_bucket_name)
    listed = names_of(s3)
    region = s3.head_bucket(Bucket=new_bucket_name)["BucketRegion"]
    s3.delete_bucket(Bucket=new_bucket_name)

    assert new_bucket_name in listed
    assert region == "us-east-1"
    assert new_bucket_name not in names_of(s3)
    with pytest.raises(ClientError) as caught:
        s3.head_bucket(Bucket=new_bucket_name)
    assert code_of(caught) == (404, "404")


def test_making_ones_own_bucket_again_keeps_what_it_holds(s3: S3Client, bucket: str) -> None:
    """As in us-east-1."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"bytes")

    s3.create_bucket(Bucket=bucket)

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"bytes"


def test_a_bucket_is_its_owners_alone(
    s3: S3Client, stranger_s3: S3Client, anonymous_s3: S3Client, bucket: str
) -> None:
    """Others can't take it, look into it, write into it, or remove it."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"bytes")

    with pytest.raises(ClientError) as taking:
        stranger_s3.create_bucket(Bucket=bucket)
    assert code_of(taking) == (409, "BucketAlreadyExists")
    for client in (stranger_s3, anonymous_s3):
        for call, arguments in (
            ("list_objects_v2", {}),
            ("get_object", {"Key": "key"}),
            ("put_object", {"Key": "key", "Body": b"other"}),
            ("delete_object", {"Key": "key"}),
            ("delete_bucket", {}),
            ("get_bucket_acl", {}),
        ):
            with pytest.raises(ClientError) as caught:
                getattr(client, call)(Bucket=bucket, **arguments)
            assert code_of(caught) == (403, "AccessDenied")
    assert bucket not in names_of(stranger_s3)


def test_a_missing_bucket_beats_missing_rights(
    stranger_s3: S3Client, anonymous_s3: S3Client
) -> None:
    """Everybody may know that there is no such bucket."""
    for client in (stranger_s3, anonymous_s3):
        with pytest.raises(ClientError) as caught:
            client.list_objects_v2(Bucket="there-is-no-such-bucket")
        assert code_of(caught) == (404, "NoSuchBucket")


def test_only_an_empty_bucket_can_be_removed(s3: S3Client, bucket: str) -> None:
    """BucketNotEmpty while an object is in it."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"")

    with pytest.raises(ClientError) as caught:
        s3.delete_bucket(Bucket=bucket)

    assert code_of(caught) == (409, "BucketNotEmpty")


def test_the_location_is_the_region(s3: S3Client, bucket: str) -> None:
    """Which is None for us-east-1."""
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


def test_lists_of_buckets_go_page_by_page(s3: S3Client, bucket: str) -> None:
    """Every bucket shows on one page."""
    pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 1}))

    names = [listed["Name"] for page in pages for listed in page["Buckets"]]
    assert names == names_of(s3)
    assert bucket in names


@pytest.mark.parametrize(
    "call",
    [
        "get_bucket_policy",
        "get_bucket_lifecycle_configuration",
        "get_bucket_cors",
        "get_bucket_tagging",
        "get_bucket_encryption",
        "get_object_lock_configuration",
        "get_bucket_website",
        "get_public_access_block",
        "get_bucket_ownership_controls",
        "get_bucket_replication",
    ],
)
def test_configurations_that_no_bucket_has(s3: S3Client, bucket: str, call: str) -> None:
    """Asking for one is a 404 that SDKs understand."""
    with pytest.raises(ClientError) as caught:
        getattr(s3, call)(Bucket=bucket)

    status, code = code_of(caught)
    assert status == 404
    assert code.startswith("NoSuch") or code.endswith("NotFoundError")


def test_configurations_that_every_bucket_has(s3: S3Client, bucket: str) -> None:
    """SDKs read the answers as a bucket that was never configured."""
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert "TopicConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    acl = s3.get_bucket_acl(Bucket=bucket)
    assert [grant["Permission"] for grant in acl["Grants"]] == ["FULL_CONTROL"]
    assert acl["Owner"]["ID"] == acl["Grants"][0]["Grantee"]["ID"]


def test_a_bucket_can_be_the_host(tmp_path: Path) -> None:
    """Virtual-host style, below one of the server's domains."""
    config = {"server": {"domains": ["s3.localhost", "store.example.com"]}}
    with RucketProcess(tmp_path, config) as server:
        target = Target(server.endpoint, server.region, owner=ALICE, stranger=BOB)
        s3_client(target, ALICE).create_bucket(Bucket="my.bucket")

        with RawClient(server.endpoint, server.region, ALICE) as raw:
            host = {"host": "my.bucket.store.example.com"}
            put = raw.request("PUT", "/some/key", host, b"bytes")
            got = raw.request("GET", "/my.bucket/some/key")
            listed = raw.request("GET", "/", {"host": "my.bucket.s3.localhost:9000"})

    assert put.status == 200
    assert (got.status, got.body) == (200, b"bytes")
    assert b"<Key>some/key</Key>" in listed.body
