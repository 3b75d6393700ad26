"""Ranges and parts of objects, inline and in one or several blobs."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.functional.bodies import KIB, MIB, content

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tests.functional.raw_http import RawClient

PART_SIZE_BYTES = 5 * MIB
SIZES = {"inline": 1000, "one blob": 3 * MIB + 5, "parts": 2 * PART_SIZE_BYTES + 77}


def _put(s3: S3Client, bucket: str, size_bytes: int) -> bytes:
    data = content(size_bytes, size_bytes)
    config = TransferConfig(
        multipart_threshold=PART_SIZE_BYTES, multipart_chunksize=PART_SIZE_BYTES
    )
    s3.upload_fileobj(io.BytesIO(data), bucket, "key", Config=config)
    return data


@pytest.mark.parametrize("size_bytes", SIZES.values(), ids=SIZES.keys())
def test_a_range_is_those_bytes(s3: S3Client, bucket: str, size_bytes: int) -> None:
    """Both ends, an open end, a suffix; cut to what there is."""
    data = _put(s3, bucket, size_bytes)
    chosen = random.Random(size_bytes)
    first = chosen.randrange(size_bytes)
    last = chosen.randrange(first, size_bytes)
    cases = {
        f"bytes={first}-{last}": (first, last + 1),
        "bytes=0-0": (0, 1),
        f"bytes={size_bytes - 1}-": (size_bytes - 1, size_bytes),
        "bytes=5-": (5, size_bytes),
        "bytes=-7": (size_bytes - 7, size_bytes),
        f"bytes=-{size_bytes * 2}": (0, size_bytes),
        f"bytes=0-{size_bytes * 2}": (0, size_bytes),
    }
    for header, (start, stop) in cases.items():
        got = s3.get_object(Bucket=bucket, Key="key", Range=header)

        assert got["Body"].read() == data[start:stop], header
        assert got["ContentRange"] == f"bytes {start}-{stop - 1}/{size_bytes}"
        assert got["ContentLength"] == stop - start
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_ranges_across_the_edges_of_pieces_and_parts(s3: S3Client, bucket: str) -> None:
    """Where one blob ends and the next begins, and where a piece does."""
    data = _put(s3, bucket, SIZES["parts"])
    for edge in (MIB, PART_SIZE_BYTES, PART_SIZE_BYTES + MIB, 2 * PART_SIZE_BYTES):
        for start, stop in ((edge - 1, edge + 1), (edge, edge + 1), (edge - 70_000, edge + 70_000)):
            end = min(stop, len(data))
            got = s3.get_object(Bucket=bucket, Key="key", Range=f"bytes={start}-{end - 1}")

            assert got["Body"].read() == data[start:end]


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-2000", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(s3: S3Client, bucket: str, header: str) -> None:
    """With the size that there is."""
    s3.put_object(Bucket=bucket, Key="key", Body=bytes(1000))

    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="key", Range=header)

    assert error.value.response["Error"]["Code"] == "InvalidRange"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 416
    assert error.value.response["Error"]["ActualObjectSize"] == "1000"  # type: ignore[typeddict-item] # an extra element


def test_nothing_of_an_empty_object_is_a_range(s3: S3Client, bucket: str) -> None:
    """Not even its first byte."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"")

    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="key", Range="bytes=0-0")

    assert error.value.response["Error"]["Code"] == "InvalidRange"


@pytest.mark.parametrize("header", ["bytes=0-1,4-5", "lines=1-2", "bytes=5-2", "nonsense"])
def test_what_is_no_range_is_ignored(s3: S3Client, bucket: str, header: str) -> None:
    """All of the object comes, as if it hadn't been asked for."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"0123456789")

    got = s3.get_object(Bucket=bucket, Key="key", Range=header)

    assert got["Body"].read() == b"0123456789"
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_head_answers_for_a_range(s3: S3Client, bucket: str) -> None:
    """With the length that GET would send."""
    s3.put_object(Bucket=bucket, Key="key", Body=bytes(100 * KIB))

    head = s3.head_object(Bucket=bucket, Key="key", Range="bytes=10-19")

    assert head["ContentLength"] == 10
    assert head["ResponseMetadata"]["HTTPHeaders"]["content-range"] == "bytes 10-19/102400"


def test_a_range_is_ignored_if_the_object_is_another_one(raw: RawClient, bucket: str) -> None:
    """If-Range: a download that is taken up again is not put together of two objects."""
    etag = raw.request("PUT", f"/{bucket}/key", body=b"0123456789").headers["etag"]
    target = f"/{bucket}/key"

    same = raw.request("GET", target, {"range": "bytes=2-3", "if-range": etag})
    other = raw.request("GET", target, {"range": "bytes=2-3", "if-range": '"other"'})

    assert (same.status, same.body) == (206, b"23")
    assert (other.status, other.body) == (200, b"0123456789")


def test_parts_are_read_by_number(s3: S3Client, bucket: str) -> None:
    """Each with its place in the object, and how many there are."""
    data = _put(s3, bucket, SIZES["parts"])
    for number in (1, 2, 3):
        start = (number - 1) * PART_SIZE_BYTES
        part = data[start : start + PART_SIZE_BYTES]

        got = s3.get_object(Bucket=bucket, Key="key", PartNumber=number)
        head = s3.head_object(Bucket=bucket, Key="key", PartNumber=number)

        assert got["Body"].read() == part
        assert got["PartsCount"] == head["PartsCount"] == 3
        assert got["ContentLength"] == head["ContentLength"] == len(part)
        assert got["ContentRange"] == f"bytes {start}-{start + len(part) - 1}/{len(data)}"
        assert got["ETag"].endswith('-3"')


def test_an_object_that_was_put_at_once_is_its_own_first_part(s3: S3Client, bucket: str) -> None:
    """It says nothing of a number of parts."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")

    got = s3.get_object(Bucket=bucket, Key="key", PartNumber=1)

    assert got["Body"].read() == b"data"
    assert "PartsCount" not in got


@pytest.mark.parametrize("size_bytes", [4, SIZES["parts"]], ids=["put at once", "parts"])
def test_a_part_that_is_not_there_is_refused(s3: S3Client, bucket: str, size_bytes: int) -> None:
    """416, as in S3."""
    _put(s3, bucket, size_bytes)

    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="key", PartNumber=4)

    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 416


@pytest.mark.parametrize("number", ["0", "10001", "x", ""])
def test_a_part_number_that_makes_no_sense_is_refused(
    raw: RawClient, bucket: str, number: str
) -> None:
    """1 to 10,000."""
    raw.request("PUT", f"/{bucket}/key", body=b"data")

    answer = raw.request("GET", f"/{bucket}/key?partNumber={number}")

    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_a_range_of_a_part_is_refused(raw: RawClient, bucket: str) -> None:
    """Only one of the two can be asked for."""
    raw.request("PUT", f"/{bucket}/key", body=b"data")

    answer = raw.request("GET", f"/{bucket}/key?partNumber=1", {"range": "bytes=0-1"})

    assert (answer.status, answer.code) == (400, "InvalidRequest")
