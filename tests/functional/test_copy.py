"""Copies, within and between buckets."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.functional.bodies import KIB, MIB, content
from tests.functional.conftest import remove_bucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tests.functional.raw_http import RawClient

SIZES = {"empty": 0, "inline": 5 * KIB, "blob": 3 * MIB}
PART_SIZE_BYTES = 5 * MIB


@pytest.mark.parametrize("size_bytes", SIZES.values(), ids=SIZES.keys())
def test_a_copy_is_the_same_and_stays(s3: S3Client, bucket: str, size_bytes: int) -> None:
    """Bytes, entity tag, headers and metadata, also when the source is gone."""
    data = content(size_bytes)
    put = s3.put_object(
        Bucket=bucket, Key="source", Body=data, ContentType="text/plain", Metadata={"a": "b"}
    )

    copied = s3.copy_object(
        Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "source"}
    )
    s3.delete_object(Bucket=bucket, Key="source")

    got = s3.get_object(Bucket=bucket, Key="copy")
    assert copied["CopyObjectResult"]["ETag"] == put["ETag"] == got["ETag"]
    assert got["Body"].read() == data
    assert got["ContentType"] == "text/plain"
    assert got["Metadata"] == {"a": "b"}


def test_a_copy_of_parts_is_the_same(s3: S3Client, bucket: str) -> None:
    """Parts and all."""
    data = content(2 * PART_SIZE_BYTES + 1)
    config = TransferConfig(
        multipart_threshold=PART_SIZE_BYTES, multipart_chunksize=PART_SIZE_BYTES
    )
    s3.upload_fileobj(io.BytesIO(data), bucket, "source", Config=config)

    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "source"})
    s3.put_object(Bucket=bucket, Key="source", Body=b"another")

    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == data


def test_a_copy_can_be_described_anew(s3: S3Client, bucket: str) -> None:
    """Nothing of the old description is left; an object may be copied onto itself for that."""
    s3.put_object(
        Bucket=bucket, Key="key", Body=b"data", ContentType="text/plain", Metadata={"a": "b"}
    )

    s3.copy_object(
        Bucket=bucket,
        Key="key",
        CopySource={"Bucket": bucket, "Key": "key"},
        MetadataDirective="REPLACE",
        ContentType="text/csv",
        Metadata={"c": "d"},
    )

    got = s3.get_object(Bucket=bucket, Key="key")
    assert got["Body"].read() == b"data"
    assert got["ContentType"] == "text/csv"
    assert got["Metadata"] == {"c": "d"}


def test_a_copy_onto_itself_has_to_change_something(s3: S3Client, bucket: str) -> None:
    """Else the client has made a mistake."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")

    with pytest.raises(ClientError) as error:
        s3.copy_object(Bucket=bucket, Key="key", CopySource={"Bucket": bucket, "Key": "key"})

    assert error.value.response["Error"]["Code"] == "InvalidRequest"


def test_copies_between_buckets_need_both(s3: S3Client, stranger_s3: S3Client, bucket: str) -> None:
    """Whoever may not read the source gets no copy of it."""
    other = f"{bucket}-other"
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    stranger_s3.create_bucket(Bucket=other)
    try:
        for client, source, target in (
            (stranger_s3, bucket, other),
            (s3, bucket, other),
            (stranger_s3, other, bucket),
        ):
            with pytest.raises(ClientError) as error:
                client.copy_object(
                    Bucket=target, Key="copy", CopySource={"Bucket": source, "Key": "key"}
                )
            assert error.value.response["Error"]["Code"] == "AccessDenied"
    finally:
        remove_bucket(stranger_s3, other)


@pytest.mark.parametrize("key", ["a b", "a+b", "a%2Fb", "%", "?versionId=null", "日本語"])
def test_the_source_may_have_any_key(s3: S3Client, bucket: str, key: str) -> None:
    """It is decoded once."""
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())

    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})

    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == key.encode()


def test_a_source_that_is_not_there_is_told(s3: S3Client, bucket: str) -> None:
    """Its bucket or its key."""
    with pytest.raises(ClientError) as no_key:
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "none"})
    with pytest.raises(ClientError) as no_bucket:
        s3.copy_object(
            Bucket=bucket, Key="copy", CopySource={"Bucket": f"{bucket}-none", "Key": "none"}
        )

    assert no_key.value.response["Error"]["Code"] == "NoSuchKey"
    assert no_bucket.value.response["Error"]["Code"] == "NoSuchBucket"


@pytest.mark.parametrize("source", ["", "bucket", "/bucket/", "%zz/key"])
def test_a_source_that_makes_no_sense_is_refused(raw: RawClient, bucket: str, source: str) -> None:
    """And nothing is written."""
    answer = raw.request("PUT", f"/{bucket}/copy", {"x-amz-copy-source": source})

    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert raw.request("HEAD", f"/{bucket}/copy").status == 404


def test_a_copy_can_have_another_checksum(s3: S3Client, bucket: str) -> None:
    """Computed of its bytes; otherwise it has that of its source."""
    data = content(2 * MIB)
    put = s3.put_object(Bucket=bucket, Key="source", Body=data, ChecksumAlgorithm="CRC32")
    source = {"Bucket": bucket, "Key": "source"}

    same = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)  # type: ignore[arg-type] # a bucket and a key
    other = s3.copy_object(
        Bucket=bucket,
        Key="copy",
        CopySource=source,  # type: ignore[arg-type] # a bucket and a key
        ChecksumAlgorithm="SHA1",
    )

    assert same["CopyObjectResult"]["ChecksumCRC32"] == put["ChecksumCRC32"]
    sha1 = other["CopyObjectResult"]["ChecksumSHA1"]
    assert s3.get_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")["ChecksumSHA1"] == sha1


def _start(s3: S3Client, bucket: str) -> str:
    return s3.create_multipart_upload(Bucket=bucket, Key="assembled")["UploadId"]


@pytest.mark.parametrize("size_bytes", [5 * KIB, 8 * MIB], ids=["inline", "blob"])
def test_parts_are_copied(s3: S3Client, bucket: str, size_bytes: int) -> None:
    """A whole object, and a range of one."""
    data = content(size_bytes)
    s3.put_object(Bucket=bucket, Key="source", Body=data)
    first = content(PART_SIZE_BYTES, 1)
    upload_id = _start(s3, bucket)
    uploaded = s3.upload_part(
        Bucket=bucket, Key="assembled", UploadId=upload_id, PartNumber=1, Body=first
    )
    copied = s3.upload_part_copy(
        Bucket=bucket,
        Key="assembled",
        UploadId=upload_id,
        PartNumber=2,
        CopySource={"Bucket": bucket, "Key": "source"},
        CopySourceRange="bytes=100-1099",
    )
    s3.delete_object(Bucket=bucket, Key="source")
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="assembled",
        UploadId=upload_id,
        MultipartUpload={
            "Parts": [
                {"PartNumber": 1, "ETag": uploaded["ETag"]},
                {"PartNumber": 2, "ETag": copied["CopyPartResult"]["ETag"]},
            ]
        },
    )

    expected_md5 = hashlib.md5(data[100:1100]).hexdigest()
    assert copied["CopyPartResult"]["ETag"] == f'"{expected_md5}"'
    got = s3.get_object(Bucket=bucket, Key="assembled")
    assert got["Body"].read() == first + data[100:1100]


def test_a_part_beyond_its_source_is_refused(s3: S3Client, bucket: str) -> None:
    """A copy isn't cut, as a read is."""
    s3.put_object(Bucket=bucket, Key="source", Body=b"0123456789")
    upload_id = _start(s3, bucket)
    cases = {"bytes=5-10": "InvalidRange", "bytes=20-21": "InvalidRange"}
    cases.update(
        dict.fromkeys(
            ("0-2", "bytes=0", "bytes=0-2,3-5", "bytes=2-1", "bytes=-3"), "InvalidArgument"
        )
    )
    for header, code in cases.items():
        with pytest.raises(ClientError) as error:
            s3.upload_part_copy(
                Bucket=bucket,
                Key="assembled",
                UploadId=upload_id,
                PartNumber=1,
                CopySource={"Bucket": bucket, "Key": "source"},
                CopySourceRange=header,
            )
        assert error.value.response["Error"]["Code"] == code, header

    s3.abort_multipart_upload(Bucket=bucket, Key="assembled", UploadId=upload_id)
