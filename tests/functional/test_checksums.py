"""Checksums: compared on the way in, kept, and given back to whoever asks."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from awscrt import checksums as crt_checksums  # type: ignore[import-untyped] # as the server does
from botocore.exceptions import ClientError

from tests.functional.bodies import KIB, MIB, content

if TYPE_CHECKING:
    from tests.functional.raw_http import RawClient

ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]
COMBINED = ["CRC32", "CRC32C", "CRC64NVME"]
PART_SIZE_BYTES = 5 * MIB
FIRST = content(PART_SIZE_BYTES, 1)
LAST = content(1000, 2)


def digest(algorithm: str, data: bytes) -> bytes:
    """By other code than the server's where there is another."""
    match algorithm:
        case "CRC32":
            return zlib.crc32(data).to_bytes(4, "big")
        case "CRC32C":
            value: int = crt_checksums.crc32c(data)
            return value.to_bytes(4, "big")
        case "CRC64NVME":
            value = crt_checksums.crc64nvme(data)
            return value.to_bytes(8, "big")
        case _:
            return hashlib.new(algorithm, data).digest()


def encoded(value: bytes) -> str:
    """As headers carry it."""
    return base64.b64encode(value).decode()


@pytest.mark.parametrize("size_bytes", [0, 100, 300 * KIB, 2 * MIB], ids=str)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checksum_is_kept(s3: Any, bucket: str, algorithm: str, size_bytes: int) -> None:
    """boto3 compares it with what it receives."""
    data = content(size_bytes)
    expected = encoded(digest(algorithm, data))
    arguments: dict[str, Any] = {"Bucket": bucket, "Key": "key"}

    put = s3.put_object(**arguments, Body=data, ChecksumAlgorithm=algorithm)
    got = s3.get_object(**arguments, ChecksumMode="ENABLED")
    head = s3.head_object(**arguments, ChecksumMode="ENABLED")
    silent = s3.head_object(**arguments)

    field = f"Checksum{algorithm}"
    assert got["Body"].read() == data
    assert put[field] == got[field] == head[field] == expected
    assert put["ChecksumType"] == head["ChecksumType"] == "FULL_OBJECT"
    assert field not in silent


def test_an_object_without_a_checksum_gets_one(raw: RawClient, bucket: str) -> None:
    """CRC64NVME, as in S3."""
    data = content(100 * KIB)

    put = raw.request("PUT", f"/{bucket}/key", body=data)
    head = raw.request("HEAD", f"/{bucket}/key", {"x-amz-checksum-mode": "ENABLED"})

    expected = encoded(digest("CRC64NVME", data))
    assert put.headers["x-amz-checksum-crc64nvme"] == expected
    assert head.headers["x-amz-checksum-crc64nvme"] == expected
    assert head.headers["x-amz-checksum-type"] == "FULL_OBJECT"


@pytest.mark.parametrize("size_bytes", [10, 20 * KIB, 2 * MIB], ids=str)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_wrong_checksum_is_refused(
    raw: RawClient, bucket: str, algorithm: str, size_bytes: int
) -> None:
    """And nothing is written."""
    header = f"x-amz-checksum-{algorithm.lower()}"
    wrong = encoded(digest(algorithm, b"something else"))

    answer = raw.request("PUT", f"/{bucket}/key", {header: wrong}, content(size_bytes))

    assert (answer.status, answer.code) == (400, "BadDigest")
    assert raw.request("HEAD", f"/{bucket}/key").status == 404


def test_content_md5_is_compared(raw: RawClient, bucket: str) -> None:
    """One that is wrong, and one that can't be one."""
    data = content(20 * KIB)
    right = encoded(hashlib.md5(data).digest())
    wrong = encoded(hashlib.md5(b"other").digest())
    target = f"/{bucket}/key"

    assert raw.request("PUT", target, {"content-md5": wrong}, data).code == "BadDigest"
    assert raw.request("PUT", target, {"content-md5": "short"}, data).code == "InvalidDigest"
    assert raw.request("PUT", target, {"content-md5": right}, data).status == 200


def test_a_range_has_no_checksum_of_the_whole(s3: Any, bucket: str) -> None:
    """Clients would compare it with the wrong bytes."""
    s3.put_object(Bucket=bucket, Key="key", Body=content(MIB), ChecksumAlgorithm="CRC32")

    got = s3.get_object(Bucket=bucket, Key="key", Range="bytes=0-9", ChecksumMode="ENABLED")

    assert "ChecksumCRC32" not in got
    assert len(got["Body"].read()) == 10


def _assemble(s3: Any, bucket: str, algorithm: str, checksum_type: str, **more: Any) -> Any:
    arguments: dict[str, Any] = {"Bucket": bucket, "Key": "key"}
    arguments["UploadId"] = s3.create_multipart_upload(
        **arguments, ChecksumAlgorithm=algorithm, ChecksumType=checksum_type
    )["UploadId"]
    field = f"Checksum{algorithm}"
    parts: list[Any] = []
    for number, data in ((1, FIRST), (2, LAST)):
        part = s3.upload_part(
            **arguments, PartNumber=number, Body=data, ChecksumAlgorithm=algorithm
        )
        assert part[field] == encoded(digest(algorithm, data))
        parts.append({"PartNumber": number, "ETag": part["ETag"], field: part[field]})
    return s3.complete_multipart_upload(**arguments, MultipartUpload={"Parts": parts}, **more)


def composite(algorithm: str) -> str:
    """Of the two parts."""
    both = digest(algorithm, FIRST) + digest(algorithm, LAST)
    return f"{encoded(digest(algorithm, both))}-2"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_a_composite_checksum_covers_the_parts(s3: Any, bucket: str, algorithm: str) -> None:
    """The checksum of their checksums, and their number; each part keeps its own."""
    completed = _assemble(s3, bucket, algorithm, "COMPOSITE")
    head = s3.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    part = s3.get_object(Bucket=bucket, Key="key", PartNumber=2, ChecksumMode="ENABLED")

    field = f"Checksum{algorithm}"
    assert completed[field] == head[field] == composite(algorithm)
    assert completed["ChecksumType"] == head["ChecksumType"] == part["ChecksumType"] == "COMPOSITE"
    assert part[field] == encoded(digest(algorithm, LAST))
    assert part["Body"].read() == LAST


@pytest.mark.parametrize("algorithm", COMBINED)
def test_a_full_checksum_is_combined_from_the_parts(s3: Any, bucket: str, algorithm: str) -> None:
    """It is that of all the bytes, which boto3 compares."""
    completed = _assemble(s3, bucket, algorithm, "FULL_OBJECT")
    got = s3.get_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")

    field = f"Checksum{algorithm}"
    assert completed[field] == got[field] == encoded(digest(algorithm, FIRST + LAST))
    assert completed["ChecksumType"] == "FULL_OBJECT"
    assert got["Body"].read() == FIRST + LAST


def test_the_checksum_of_the_whole_is_compared(s3: Any, bucket: str) -> None:
    """If the client sends it with its request to complete."""
    right = _assemble(s3, bucket, "SHA256", "COMPOSITE", ChecksumSHA256=composite("SHA256"))
    with pytest.raises(ClientError) as wrong:
        _assemble(s3, bucket, "SHA256", "COMPOSITE", ChecksumSHA256=encoded(bytes(32)))
    with pytest.raises(ClientError) as other_type:
        _assemble(s3, bucket, "CRC32", "COMPOSITE", ChecksumType="FULL_OBJECT")

    assert right["ChecksumSHA256"] == composite("SHA256")
    assert wrong.value.response["Error"]["Code"] == "BadDigest"
    assert other_type.value.response["Error"]["Code"] == "InvalidRequest"


def test_a_part_with_another_algorithm_is_refused(s3: Any, bucket: str) -> None:
    """The upload was created with one."""
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="key", ChecksumAlgorithm="SHA256")[
        "UploadId"
    ]

    with pytest.raises(ClientError) as error:
        s3.upload_part(
            Bucket=bucket,
            Key="key",
            UploadId=upload_id,
            PartNumber=1,
            Body=b"data",
            ChecksumAlgorithm="CRC32",
        )

    assert error.value.response["Error"]["Code"] == "InvalidRequest"


def test_an_upload_without_an_algorithm_gets_a_checksum(s3: Any, bucket: str) -> None:
    """boto3 sends CRC32 with every part all the same, and is answered in it."""
    arguments: dict[str, Any] = {"Bucket": bucket, "Key": "key"}
    upload_id = s3.create_multipart_upload(**arguments)["UploadId"]
    arguments["UploadId"] = upload_id
    parts: list[Any] = []
    for number, data in ((1, FIRST), (2, LAST)):
        part = s3.upload_part(**arguments, PartNumber=number, Body=data)
        assert part["ChecksumCRC32"] == encoded(digest("CRC32", data))
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    completed = s3.complete_multipart_upload(**arguments, MultipartUpload={"Parts": parts})
    got = s3.get_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")

    assert completed["ChecksumCRC64NVME"] == encoded(digest("CRC64NVME", FIRST + LAST))
    assert got["ChecksumCRC64NVME"] == completed["ChecksumCRC64NVME"]
    assert got["Body"].read() == FIRST + LAST
