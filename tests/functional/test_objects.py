"""Objects by boto3: whatever is put comes back, with all that was said about it."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.bodies import KIB, MIB, content

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tests.functional.raw_http import RawClient

SIZES = {
    "empty": 0,
    "one byte": 1,
    "largest inline": 8 * KIB,
    "smallest blob": 8 * KIB + 1,
    "one piece": MIB,
    "two pieces": MIB + 1,
    "many pieces": 9 * MIB + 333,
}
ODD_KEYS = [
    "a/b",
    " ",
    "%",
    "a%2Fb",
    "?versionId=x",
    "&",
    "+",
    "日本語",
    "..",
    "//",
    "a\nb",
    "é" * 512,
]


@pytest.mark.parametrize("size_bytes", SIZES.values(), ids=SIZES.keys())
def test_an_object_comes_back(s3: S3Client, bucket: str, size_bytes: int) -> None:
    """Bytes, size and entity tag."""
    data = content(size_bytes, size_bytes)

    put = s3.put_object(Bucket=bucket, Key="key", Body=data)

    got = s3.get_object(Bucket=bucket, Key="key")
    head = s3.head_object(Bucket=bucket, Key="key")
    assert got["Body"].read() == data
    assert put["ETag"] == got["ETag"] == head["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert got["ContentLength"] == head["ContentLength"] == size_bytes
    assert got["AcceptRanges"] == "bytes"
    assert abs(got["LastModified"] - datetime.now(UTC)) < timedelta(minutes=5)  # noqa: TID251 - the server's clock is real
    assert got["LastModified"] == head["LastModified"]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_key_may_be_any_text(s3: S3Client, bucket: str, key: str) -> None:
    """Nothing of it is normalised."""
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())

    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]


def test_a_key_that_is_too_long_is_refused(s3: S3Client, bucket: str) -> None:
    """1,024 bytes of UTF-8 are the limit."""
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="é" * 513, Body=b"")

    assert error.value.response["Error"]["Code"] == "KeyTooLongError"


def test_what_was_said_about_an_object_comes_back(s3: Any, bucket: str) -> None:
    """Content headers and user metadata, an empty value among them."""
    metadata = {"plain": "text", "empty": "", "spaces": "a  b"}
    s3.put_object(
        Bucket=bucket,
        Key="key",
        Body=b"data",
        ContentType="text/html; charset=utf-8",
        ContentEncoding="gzip",
        ContentLanguage="de",
        ContentDisposition='attachment; filename="x.html"',
        CacheControl="max-age=60",
        Expires=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
        Metadata=metadata,
    )

    answers = [
        s3.get_object(Bucket=bucket, Key="key"),
        s3.head_object(Bucket=bucket, Key="key"),
    ]
    for answer in answers:
        assert answer["ContentType"] == "text/html; charset=utf-8"
        assert answer["ContentEncoding"] == "gzip"
        assert answer["ContentLanguage"] == "de"
        assert answer["ContentDisposition"] == 'attachment; filename="x.html"'
        assert answer["CacheControl"] == "max-age=60"
        assert answer["ExpiresString"] == "Wed, 02 Jan 2030 03:04:05 GMT"
        assert answer["Metadata"] == metadata


def test_a_new_version_replaces_all_of_the_old(s3: S3Client, bucket: str) -> None:
    """Nothing of its metadata is left."""
    s3.put_object(Bucket=bucket, Key="key", Body=content(2 * MIB), Metadata={"old": "yes"})

    s3.put_object(Bucket=bucket, Key="key", Body=b"new")

    got = s3.get_object(Bucket=bucket, Key="key")
    assert got["Body"].read() == b"new"
    assert got["Metadata"] == {}
    assert got["ContentType"] == "binary/octet-stream"


def test_headers_can_be_overridden(s3: S3Client, bucket: str) -> None:
    """By whoever signs the request."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", ContentType="text/plain")

    got = s3.get_object(
        Bucket=bucket,
        Key="key",
        ResponseContentType="text/csv",
        ResponseContentDisposition="inline",
        ResponseCacheControl="no-store",
    )

    assert got["ContentType"] == "text/csv"
    assert got["ContentDisposition"] == "inline"
    assert got["CacheControl"] == "no-store"


def test_user_metadata_is_limited(s3: S3Client, bucket: str) -> None:
    """2 KiB of names and values."""
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="key", Body=b"", Metadata={"a": "b" * 2048})

    assert error.value.response["Error"]["Code"] == "MetadataTooLarge"


def test_what_is_not_there_is_told(s3: S3Client, bucket: str) -> None:
    """By its code and key, and by a status for HEAD."""
    with pytest.raises(s3.exceptions.NoSuchKey) as error:
        s3.get_object(Bucket=bucket, Key="key")
    with pytest.raises(ClientError) as head_error:
        s3.head_object(Bucket=bucket, Key="key")

    assert error.value.response["Error"]["Key"] == "key"  # type: ignore[typeddict-item] # an extra element
    assert head_error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_missing_bucket_is_told(s3: S3Client, new_bucket_name: str) -> None:
    """For reads and writes alike."""
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.get_object(Bucket=new_bucket_name, Key="key")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.put_object(Bucket=new_bucket_name, Key="key", Body=content(20 * KIB))


def test_somebody_elses_objects_are_out_of_reach(
    s3: S3Client, stranger_s3: S3Client, bucket: str
) -> None:
    """Not to be read, written or deleted."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    attempts = (
        lambda: stranger_s3.get_object(Bucket=bucket, Key="key"),
        lambda: stranger_s3.put_object(Bucket=bucket, Key="key", Body=b"mine"),
        lambda: stranger_s3.delete_object(Bucket=bucket, Key="key"),
        lambda: stranger_s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "key"}]}),
        lambda: stranger_s3.create_multipart_upload(Bucket=bucket, Key="key"),
    )
    for attempt in attempts:
        with pytest.raises(ClientError) as error:
            attempt()
        assert error.value.response["Error"]["Code"] == "AccessDenied"

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"data"


def test_deleting_succeeds_whether_it_is_there(s3: S3Client, bucket: str) -> None:
    """204 both times."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    for _ in range(2):
        answer = s3.delete_object(Bucket=bucket, Key="key")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204

    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="key")


def test_a_thousand_objects_are_deleted_at_once(s3: Any, bucket: str) -> None:
    """Those that aren't there are reported as deleted, too."""
    keys = [f"key{number:04}" for number in range(1000)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=b"x"), keys[::2]))

    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})

    assert [deleted["Key"] for deleted in answer["Deleted"]] == keys
    assert "Errors" not in answer
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_quiet_deletion_reports_only_errors(s3: Any, bucket: str) -> None:
    """A key that is too long is refused for itself."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")

    answer = s3.delete_objects(
        Bucket=bucket, Delete={"Quiet": True, "Objects": [{"Key": "key"}, {"Key": "x" * 1025}]}
    )

    assert "Deleted" not in answer
    assert [error["Code"] for error in answer["Errors"]] == ["KeyTooLongError"]
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_more_than_a_thousand_deletions_are_refused(s3: S3Client, bucket: str) -> None:
    """As in S3."""
    with pytest.raises(ClientError) as error:
        s3.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": str(number)} for number in range(1001)]}
        )

    assert error.value.response["Error"]["Code"] == "MalformedXML"


def test_writers_of_one_key_leave_one_whole_object(s3: S3Client, bucket: str) -> None:
    """Readers see one of the bodies, never a mix, and in the end one is there."""
    bodies = [bytes([number]) * (300 * KIB + number) for number in range(8)]
    s3.put_object(Bucket=bucket, Key="key", Body=bodies[0])

    def write(body: bytes) -> None:
        s3.put_object(Bucket=bucket, Key="key", Body=body)

    def read(_: int) -> bytes:
        return s3.get_object(Bucket=bucket, Key="key")["Body"].read()

    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(write, body) for body in bodies * 3]
        seen = list(pool.map(read, range(40)))
        for done in writes:
            done.result()

    assert set(seen) <= set(bodies)
    assert read(0) in bodies


def test_a_body_may_come_in_chunks_of_unknown_length(raw: RawClient, bucket: str) -> None:
    """Transfer-Encoding: chunked, without a length."""
    data = content(3 * MIB + 7)
    headers = raw.sign("PUT", f"/{bucket}/key", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, b"")
    pieces = (data[start : start + 100_000] for start in range(0, len(data), 100_000))

    raw.connection.request(
        "PUT", f"/{bucket}/key", body=pieces, headers=headers, encode_chunked=True
    )
    put = raw.receive()
    got = raw.request("GET", f"/{bucket}/key")

    assert put.status == 200
    assert got.body == data


def test_head_has_the_length_and_no_body(raw: RawClient, bucket: str, s3: S3Client) -> None:
    """The connection goes on after it."""
    s3.put_object(Bucket=bucket, Key="key", Body=content(2 * MIB))

    head = raw.request("HEAD", f"/{bucket}/key")
    missing = raw.request("HEAD", f"/{bucket}/missing")
    again = raw.request("HEAD", f"/{bucket}/key")

    assert (head.status, missing.status, again.status) == (200, 404, 200)
    assert head.headers["content-length"] == str(2 * MIB)
    assert head.body == missing.body == b""
