"""Conditions on reads, writes, copies and deletes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.bodies import KIB, content

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

    from tests.functional.raw_http import RawClient


def _status(call: Callable[[], Any]) -> tuple[int, str]:
    """Status and code of an answer."""
    try:
        answer = call()
    except ClientError as error:
        response = error.response
        return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]
    status: int = answer["ResponseMetadata"]["HTTPStatusCode"]
    return status, ""


def test_conditions_on_reads(s3: S3Client, bucket: str) -> None:
    """By entity tag and by time, for GET and HEAD."""
    put = s3.put_object(Bucket=bucket, Key="key", Body=content(20 * KIB))
    etag = put["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="key")["LastModified"]
    earlier, later = modified - timedelta(hours=1), modified + timedelta(hours=1)
    cases: list[tuple[dict[str, Any], int]] = [
        ({"IfMatch": etag}, 200),
        ({"IfMatch": "*"}, 200),
        ({"IfMatch": '"other"'}, 412),
        ({"IfNoneMatch": '"other"'}, 200),
        ({"IfNoneMatch": etag}, 304),
        ({"IfNoneMatch": etag.strip('"')}, 304),
        ({"IfNoneMatch": "*"}, 304),
        ({"IfModifiedSince": earlier}, 200),
        ({"IfModifiedSince": modified}, 304),
        ({"IfModifiedSince": later}, 304),
        ({"IfUnmodifiedSince": modified}, 200),
        ({"IfUnmodifiedSince": earlier}, 412),
        ({"IfMatch": etag, "IfUnmodifiedSince": earlier}, 200),
        ({"IfNoneMatch": '"other"', "IfModifiedSince": later}, 200),
    ]
    for condition, expected in cases:
        for read in (s3.get_object, s3.head_object):
            status, _ = _status(lambda: read(Bucket=bucket, Key="key", **condition))  # noqa: B023 - called at once
            assert status == expected, condition


def test_not_modified_says_of_what(raw: RawClient, bucket: str) -> None:
    """The entity tag and the time, and no body; the connection goes on."""
    etag = raw.request("PUT", f"/{bucket}/key", body=b"data").headers["etag"]

    answer = raw.request("GET", f"/{bucket}/key", {"if-none-match": etag})
    again = raw.request("GET", f"/{bucket}/key")

    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"] == etag
    assert "last-modified" in answer.headers
    assert again.body == b"data"


def test_a_refused_read_says_why(raw: RawClient, bucket: str) -> None:
    """With a document."""
    raw.request("PUT", f"/{bucket}/key", body=b"data")

    answer = raw.request("GET", f"/{bucket}/key", {"if-match": '"other"'})

    assert (answer.status, answer.code) == (412, "PreconditionFailed")


@pytest.mark.parametrize("size_bytes", [10, 100 * KIB], ids=["inline", "blob"])
def test_conditions_on_writes(s3: S3Client, bucket: str, size_bytes: int) -> None:
    """A refused write changes nothing."""
    data = content(size_bytes)

    def put(**condition: str) -> tuple[int, str]:
        return _status(
            lambda: s3.put_object(Bucket=bucket, Key="key", Body=data, **condition)  # type: ignore[arg-type] # conditions only
        )

    assert put(IfMatch='"any"') == (404, "NoSuchKey")
    assert put(IfNoneMatch="*") == (200, "")
    etag = s3.head_object(Bucket=bucket, Key="key")["ETag"]
    s3.put_object(Bucket=bucket, Key="other", Body=b"other")

    assert put(IfNoneMatch="*") == (412, "PreconditionFailed")
    assert put(IfMatch='"other"') == (412, "PreconditionFailed")
    assert put(IfMatch=etag) == (200, "")
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == data


def test_one_of_many_creators_wins(s3: S3Client, bucket: str) -> None:
    """If-None-Match: * is decided in one place."""

    def create(number: int) -> int:
        status, _ = _status(
            lambda: s3.put_object(
                Bucket=bucket, Key="key", Body=str(number).encode(), IfNoneMatch="*"
            )
        )
        return status

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(create, range(24)))

    assert sorted(statuses) == [200] + [412] * 23
    winner = s3.get_object(Bucket=bucket, Key="key")["Body"].read()
    assert winner == str(statuses.index(200)).encode()


def test_increments_by_if_match_lose_nothing(s3: S3Client, bucket: str) -> None:
    """Each reads a number and writes the next; whoever was overtaken tries again."""
    s3.put_object(Bucket=bucket, Key="count", Body=b"0")

    def try_increment() -> tuple[int, str]:
        got = s3.get_object(Bucket=bucket, Key="count")
        following = str(int(got["Body"].read()) + 1).encode()
        return _status(
            lambda: s3.put_object(Bucket=bucket, Key="count", Body=following, IfMatch=got["ETag"])
        )

    def increment(_: int) -> None:
        while try_increment() != (200, ""):
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increment, range(40)))

    assert s3.get_object(Bucket=bucket, Key="count")["Body"].read() == b"40"


def test_conditions_on_deletes(s3: S3Client, bucket: str) -> None:
    """By entity tag; what isn't there needs no condition to hold."""
    put = s3.put_object(Bucket=bucket, Key="key", Body=b"data")

    def delete(etag: str) -> tuple[int, str]:
        return _status(lambda: s3.delete_object(Bucket=bucket, Key="key", IfMatch=etag))

    assert delete('"other"') == (412, "PreconditionFailed")
    assert delete(put["ETag"]) == (204, "")
    assert delete('"other"') == (204, "")


def test_conditions_on_many_deletes(s3: S3Client, bucket: str) -> None:
    """Each object has its own."""
    s3.put_object(Bucket=bucket, Key="stays", Body=b"data")
    goes = s3.put_object(Bucket=bucket, Key="goes", Body=b"data")

    answer = s3.delete_objects(
        Bucket=bucket,
        Delete={
            "Objects": [
                {"Key": "stays", "ETag": '"other"'},
                {"Key": "goes", "ETag": goes["ETag"], "Size": 4},
            ]
        },
    )

    assert [deleted["Key"] for deleted in answer["Deleted"]] == ["goes"]
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [
        ("stays", "PreconditionFailed")
    ]


def test_conditions_on_the_source_of_a_copy(s3: S3Client, bucket: str) -> None:
    """Whatever isn't fulfilled is 412."""
    etag = s3.put_object(Bucket=bucket, Key="key", Body=b"data")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="key")["LastModified"]
    source = {"Bucket": bucket, "Key": "key"}
    cases: list[tuple[dict[str, Any], int]] = [
        ({"CopySourceIfMatch": etag}, 200),
        ({"CopySourceIfMatch": '"other"'}, 412),
        ({"CopySourceIfNoneMatch": '"other"'}, 200),
        ({"CopySourceIfNoneMatch": etag}, 412),
        ({"CopySourceIfModifiedSince": modified + timedelta(hours=1)}, 412),
        ({"CopySourceIfUnmodifiedSince": modified - timedelta(hours=1)}, 412),
    ]
    for condition, expected in cases:
        status, _ = _status(
            lambda: s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, **condition)  # type: ignore[arg-type]  # noqa: B023 - called at once
        )
        assert status == expected, condition
