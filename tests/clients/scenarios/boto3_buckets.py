"""boto3: listings, deletion of many, and who may do what. Source: Amazon S3 API reference."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.clients.scenarios.boto3_clients import (
    client_with,
    owner_client,
    refused,
    stranger_client,
)
from tests.clients.scenarios.session import Session

FOLDER_COUNT = 7
OBJECT_COUNT = 1005
DELETE_COUNT_MAX = 1000


def pages_through_a_thousand_objects_and_deletes_them(session: Session) -> None:
    """Both paginators see each of 1,005 keys once, in order; DeleteObjects takes 1,000."""
    s3 = owner_client(session)
    keys = sorted(f"folder-{n % FOLDER_COUNT}/object {n:04d}" for n in range(OBJECT_COUNT))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=session.bucket, Key=key, Body=b"x"), keys))

    for operation in ("list_objects", "list_objects_v2"):
        assert _keys(s3, operation, session.bucket) == keys, operation
        assert _keys(s3, operation, session.bucket, page_size=100) == keys, operation
        folders = _prefixes(s3, operation, session.bucket, page_size=3)
        assert folders == [f"folder-{n}/" for n in range(FOLDER_COUNT)], operation
    inner = [key for key in keys if key.startswith("folder-3/")]
    assert _keys(s3, "list_objects_v2", session.bucket, prefix="folder-3/") == inner
    after = s3.list_objects_v2(Bucket=session.bucket, StartAfter=keys[-3])
    assert [row["Key"] for row in after["Contents"]] == keys[-2:]

    first = _delete(s3, session.bucket, keys[:DELETE_COUNT_MAX])
    assert sorted(row["Key"] for row in first["Deleted"]) == keys[:DELETE_COUNT_MAX]
    assert _keys(s3, "list_objects_v2", session.bucket) == keys[DELETE_COUNT_MAX:]
    rest = _delete(s3, session.bucket, [*keys[DELETE_COUNT_MAX:], "never there"])
    assert "Errors" not in rest
    assert s3.list_objects_v2(Bucket=session.bucket)["KeyCount"] == 0


def makes_finds_and_removes_buckets(session: Session) -> None:
    """A bucket is found by its owner, is not removed while it holds something, then is."""
    s3 = owner_client(session)
    name = f"{session.bucket[:50]}-second"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="object", Body=b"x")

    assert s3.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] in (None, session.region)
    assert {name, session.bucket} <= {row["Name"] for row in s3.list_buckets()["Buckets"]}
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=name)
    s3.delete_object(Bucket=name, Key="object")
    s3.delete_bucket(Bucket=name)
    with refused("404", 404):
        s3.head_bucket(Bucket=name)


def refuses_what_is_not_there(session: Session) -> None:
    """A bucket that was never made has no objects, no listing and takes none."""
    s3 = owner_client(session)
    missing = f"{session.bucket[:50]}-missing"
    with refused("NoSuchBucket", 404):
        s3.list_objects_v2(Bucket=missing)
    with refused("NoSuchBucket", 404):
        s3.put_object(Bucket=missing, Key="object", Body=b"x")
    with refused("NoSuchBucket", 404):
        s3.get_object(Bucket=missing, Key="object")


def refuses_wrong_keys(session: Session) -> None:
    """A wrong secret and an unknown access key are told apart."""
    with refused("SignatureDoesNotMatch", 403):
        client_with(session, session.access_key, "not the secret").list_buckets()
    with refused("InvalidAccessKeyId", 403):
        client_with(session, "NOBODYHASTHISKEY0", session.secret_key).list_buckets()


def refuses_the_bucket_to_others(session: Session) -> None:
    """Another user with right keys neither reads, writes, lists nor removes."""
    owner_client(session).put_object(Bucket=session.bucket, Key="object", Body=b"mine")
    stranger = stranger_client(session)
    with refused("AccessDenied", 403):
        stranger.get_object(Bucket=session.bucket, Key="object")
    with refused("AccessDenied", 403):
        stranger.put_object(Bucket=session.bucket, Key="object", Body=b"theirs")
    with refused("AccessDenied", 403):
        stranger.list_objects_v2(Bucket=session.bucket)
    with refused("AccessDenied", 403):
        stranger.delete_object(Bucket=session.bucket, Key="object")
    with refused("403", 403):
        stranger.head_bucket(Bucket=session.bucket)

    got = owner_client(session).get_object(Bucket=session.bucket, Key="object")
    assert got["Body"].read() == b"mine"


def _keys(
    s3: Any, operation: Any, bucket: str, *, page_size: int = 1000, prefix: str = ""
) -> list[str]:
    pages = s3.get_paginator(operation).paginate(
        Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": page_size}
    )
    return [row["Key"] for page in pages for row in page.get("Contents", [])]


def _prefixes(s3: Any, operation: Any, bucket: str, *, page_size: int) -> list[str]:
    pages = s3.get_paginator(operation).paginate(
        Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": page_size}
    )
    return [row["Prefix"] for page in pages for row in page.get("CommonPrefixes", [])]


def _delete(s3: Any, bucket: str, keys: list[str]) -> Any:
    return s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
