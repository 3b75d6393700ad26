"""Multipart uploads by boto3 and by hand."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.functional.bodies import MIB, content

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tests.functional.raw_http import RawClient

PART_SIZE_BYTES = 5 * MIB
FIRST = content(PART_SIZE_BYTES, 1)
LAST = content(12_345, 2)


def _start(s3: S3Client, bucket: str, key: str = "key", **more: Any) -> str:
    return s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]


def _upload(s3: S3Client, bucket: str, upload_id: str, number: int, data: bytes) -> Any:
    answer = s3.upload_part(
        Bucket=bucket, Key="key", UploadId=upload_id, PartNumber=number, Body=data
    )
    return {"PartNumber": number, "ETag": answer["ETag"]}


def _complete(s3: S3Client, bucket: str, upload_id: str, parts: list[Any], **more: Any) -> Any:
    return s3.complete_multipart_upload(
        Bucket=bucket, Key="key", UploadId=upload_id, MultipartUpload={"Parts": parts}, **more
    )


def _refusal(call: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as error:
        call()
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_a_file_in_parts_comes_back(s3: S3Client, bucket: str) -> None:
    """By the transfer manager, several parts at a time, with metadata."""
    data = content(23 * MIB + 5)
    config = TransferConfig(
        multipart_threshold=PART_SIZE_BYTES, multipart_chunksize=PART_SIZE_BYTES, max_concurrency=4
    )
    s3.upload_fileobj(
        io.BytesIO(data),
        bucket,
        "key",
        ExtraArgs={"ContentType": "text/plain", "Metadata": {"a": "b"}},
        Config=config,
    )
    received = io.BytesIO()
    s3.download_fileobj(bucket, "key", received, Config=config)

    md5s = b"".join(
        hashlib.md5(data[start : start + PART_SIZE_BYTES]).digest()
        for start in range(0, len(data), PART_SIZE_BYTES)
    )
    head = s3.head_object(Bucket=bucket, Key="key")
    assert received.getvalue() == data
    assert head["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-5"'
    assert head["ContentType"] == "text/plain"
    assert head["Metadata"] == {"a": "b"}
    assert head["ContentLength"] == len(data)


def test_nothing_shows_before_it_is_complete(s3: S3Client, bucket: str) -> None:
    """An older object stays what it is until then."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"old")
    upload_id = _start(s3, bucket)
    parts = [_upload(s3, bucket, upload_id, 1, LAST)]

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"old"
    completed = _complete(s3, bucket, upload_id, parts)

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == LAST
    assert (completed["Bucket"], completed["Key"]) == (bucket, "key")
    assert completed["Location"].endswith(f"/{bucket}/key")


def test_completing_twice_answers_the_same(s3: S3Client, bucket: str) -> None:
    """A client whose connection broke repeats itself; another list of parts is refused."""
    upload_id = _start(s3, bucket)
    parts = [_upload(s3, bucket, upload_id, n, d) for n, d in ((1, FIRST), (2, LAST))]

    first = _complete(s3, bucket, upload_id, parts)
    second = _complete(s3, bucket, upload_id, parts)

    first.pop("ResponseMetadata")
    second.pop("ResponseMetadata")
    assert first == second
    assert _refusal(lambda: _complete(s3, bucket, upload_id, parts[:1])) == (404, "NoSuchUpload")


def test_a_wrong_list_of_parts_is_refused(s3: S3Client, bucket: str) -> None:
    """Each mistake by its own code; the upload goes on."""
    upload_id = _start(s3, bucket)
    parts = [_upload(s3, bucket, upload_id, n, d) for n, d in ((1, FIRST), (2, LAST), (3, LAST))]
    missing = {"PartNumber": 9, "ETag": parts[0]["ETag"]}
    wrong = {"PartNumber": 1, "ETag": parts[1]["ETag"]}
    cases: tuple[tuple[list[Any], tuple[int, str]], ...] = (
        ([parts[1], parts[0]], (400, "InvalidPartOrder")),
        ([parts[0], missing], (400, "InvalidPart")),
        ([wrong], (400, "InvalidPart")),
        ([parts[1], parts[2]], (400, "EntityTooSmall")),
        ([], (400, "MalformedXML")),
    )
    for listed, expected in cases:
        assert _refusal(lambda: _complete(s3, bucket, upload_id, listed)) == expected  # noqa: B023 - called at once

    _complete(s3, bucket, upload_id, parts[:2])
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == FIRST + LAST


def test_entity_tags_may_come_without_quotes(s3: S3Client, bucket: str) -> None:
    """As some clients send them."""
    upload_id = _start(s3, bucket)
    part = _upload(s3, bucket, upload_id, 1, LAST)
    part["ETag"] = part["ETag"].strip('"')

    _complete(s3, bucket, upload_id, [part])

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == LAST


def test_a_part_can_be_sent_again(s3: S3Client, bucket: str) -> None:
    """The last one counts."""
    upload_id = _start(s3, bucket)
    old = _upload(s3, bucket, upload_id, 1, FIRST)
    new = _upload(s3, bucket, upload_id, 1, LAST)

    assert _refusal(lambda: _complete(s3, bucket, upload_id, [old])) == (400, "InvalidPart")
    _complete(s3, bucket, upload_id, [new])

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == LAST


def test_conditions_are_decided_at_the_end(s3: S3Client, bucket: str) -> None:
    """As for PutObject."""
    upload_id = _start(s3, bucket)
    parts = [_upload(s3, bucket, upload_id, 1, LAST)]
    s3.put_object(Bucket=bucket, Key="key", Body=b"there")

    refusal = _refusal(lambda: _complete(s3, bucket, upload_id, parts, IfNoneMatch="*"))
    etag = s3.head_object(Bucket=bucket, Key="key")["ETag"]
    _complete(s3, bucket, upload_id, parts, IfMatch=etag)

    assert refusal == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == LAST


def test_the_size_of_the_whole_is_compared(s3: S3Client, bucket: str) -> None:
    """If the client says it."""
    upload_id = _start(s3, bucket)
    parts = [_upload(s3, bucket, upload_id, 1, LAST)]

    refusal = _refusal(lambda: _complete(s3, bucket, upload_id, parts, MpuObjectSize=5))
    _complete(s3, bucket, upload_id, parts, MpuObjectSize=len(LAST))

    assert refusal == (400, "InvalidRequest")


def test_an_aborted_upload_is_gone(s3: S3Client, bucket: str) -> None:
    """For every operation."""
    upload_id = _start(s3, bucket)
    parts = [_upload(s3, bucket, upload_id, 1, LAST)]
    s3.abort_multipart_upload(Bucket=bucket, Key="key", UploadId=upload_id)
    attempts = (
        lambda: _upload(s3, bucket, upload_id, 2, LAST),
        lambda: _complete(s3, bucket, upload_id, parts),
        lambda: s3.list_parts(Bucket=bucket, Key="key", UploadId=upload_id),
        lambda: s3.abort_multipart_upload(Bucket=bucket, Key="key", UploadId=upload_id),
        lambda: s3.abort_multipart_upload(Bucket=bucket, Key="key", UploadId="never given out"),
    )
    for attempt in attempts:
        assert _refusal(attempt) == (404, "NoSuchUpload")


def test_an_upload_belongs_to_its_key(s3: S3Client, bucket: str) -> None:
    """Its id alone opens nothing."""
    upload_id = _start(s3, bucket, "other")

    assert _refusal(lambda: _upload(s3, bucket, upload_id, 1, LAST)) == (404, "NoSuchUpload")


@pytest.mark.parametrize("number", ["0", "10001", "-1", "x"])
def test_a_part_number_has_its_limits(
    s3: S3Client, raw: RawClient, bucket: str, number: str
) -> None:
    """1 to 10,000."""
    upload_id = _start(s3, bucket)
    target = f"/{bucket}/key?partNumber={number}&uploadId={upload_id}"

    answer = raw.request("PUT", target, body=b"data")

    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_parts_are_listed_in_pages(s3: S3Client, target: Any, bucket: str) -> None:
    """By number, with size, entity tag and owner."""
    upload_id = _start(s3, bucket)
    parts = [_upload(s3, bucket, upload_id, n, LAST[:n]) for n in (1, 5, 7, 10_000)]

    pages = list(
        s3.get_paginator("list_parts").paginate(
            Bucket=bucket, Key="key", UploadId=upload_id, PaginationConfig={"PageSize": 3}
        )
    )

    listed = [part for page in pages for part in page["Parts"]]
    assert [len(page["Parts"]) for page in pages] == [3, 1]
    assert [(part["PartNumber"], part["ETag"]) for part in listed] == [
        (part["PartNumber"], part["ETag"]) for part in parts
    ]
    assert [part["Size"] for part in listed] == [1, 5, 7, 10_000]
    assert pages[0]["Owner"] == pages[0]["Initiator"]
    assert pages[0]["Owner"]["DisplayName"]
    assert target.owner.access_key not in str(pages[0]["Owner"])


def test_uploads_are_listed_in_pages(s3: S3Client, bucket: str) -> None:
    """By key, those of one key by their creation; rolled up where asked."""
    keys = ["a/1", "a/2", "b", "b", "c d"]
    upload_ids = [_start(s3, bucket, key) for key in keys]

    pages = list(
        s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket, PaginationConfig={"PageSize": 2}
        )
    )
    rolled_up = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    with_prefix = s3.list_multipart_uploads(Bucket=bucket, Prefix="a/")

    listed = [(found["Key"], found["UploadId"]) for page in pages for found in page["Uploads"]]
    assert [key for key, _ in listed] == keys
    assert sorted(listed) == sorted(zip(keys, upload_ids, strict=True))
    assert [found["Prefix"] for found in rolled_up["CommonPrefixes"]] == ["a/"]
    assert [found["Key"] for found in rolled_up["Uploads"]] == ["b", "b", "c d"]
    assert [found["Key"] for found in with_prefix["Uploads"]] == ["a/1", "a/2"]


def test_a_bucket_with_pending_uploads_can_be_deleted(s3: S3Client, new_bucket_name: str) -> None:
    """They end with it."""
    s3.create_bucket(Bucket=new_bucket_name)
    upload_id = _start(s3, new_bucket_name)
    _upload(s3, new_bucket_name, upload_id, 1, LAST)

    s3.delete_bucket(Bucket=new_bucket_name)
    s3.create_bucket(Bucket=new_bucket_name)

    assert "Uploads" not in s3.list_multipart_uploads(Bucket=new_bucket_name)


def test_a_part_of_nothing_is_a_part(s3: S3Client, bucket: str) -> None:
    """An empty file in one part."""
    upload_id = _start(s3, bucket)

    completed = _complete(s3, bucket, upload_id, [_upload(s3, bucket, upload_id, 1, b"")])

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b""
    assert completed["ETag"].endswith('-1"')
