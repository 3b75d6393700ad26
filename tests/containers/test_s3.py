"""S3 through the published port: enough to know that the image has all that the server needs."""

import hashlib
import os
import urllib.error
import urllib.request
from contextlib import closing

import pytest
from botocore.exceptions import ClientError

from rucket_platform.containers import RucketContainer

_MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize("size_bytes", [0, 1, 64 * 1024, 3 * _MEBIBYTE])
def test_objects_come_back_as_they_went(rucket: RucketContainer, size_bytes: int) -> None:
    """Inside a record, packed, and in a file: every way of storing works in the image."""
    body = os.urandom(size_bytes)
    with closing(rucket.get_client()) as client:
        put = client.put_object(Bucket="photos", Key="blob", Body=body)
        got = client.get_object(Bucket="photos", Key="blob")

        assert got["Body"].read() == body
        assert put["ETag"] == got["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'


def test_listings_copies_and_deletions_work(rucket: RucketContainer) -> None:
    """The everyday operations, on several objects."""
    with closing(rucket.get_client()) as client:
        for number in range(12):
            client.put_object(Bucket="photos", Key=f"list/{number:02}", Body=b"x")
        client.copy_object(
            Bucket="photos", Key="list/copy", CopySource={"Bucket": "photos", "Key": "list/00"}
        )
        client.delete_object(Bucket="photos", Key="list/00")
        page = client.list_objects_v2(Bucket="photos", Prefix="list/", MaxKeys=5)
        rest = client.list_objects_v2(
            Bucket="photos", Prefix="list/", ContinuationToken=page["NextContinuationToken"]
        )
        keys = [entry["Key"] for entry in page["Contents"] + rest["Contents"]]

    assert keys == [*(f"list/{number:02}" for number in range(1, 12)), "list/copy"]


def test_multipart_uploads_work(rucket: RucketContainer) -> None:
    """Parts become one object."""
    part = os.urandom(5 * _MEBIBYTE)
    bucket, key = "photos", "parts"
    with closing(rucket.get_client()) as client:
        upload = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        etags = [
            client.upload_part(
                Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=part[:size]
            )["ETag"]
            for number, size in ((1, len(part)), (2, 10))
        ]
        client.complete_multipart_upload(
            Bucket=bucket,
            Key=key,
            UploadId=upload,
            MultipartUpload={
                "Parts": [
                    {"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)
                ]
            },
        )
        got = client.get_object(Bucket=bucket, Key=key)["Body"].read()

    assert got == part + part[:10]


def test_wrong_keys_are_refused(rucket: RucketContainer) -> None:
    """Nothing is open: neither to nobody nor to a wrong secret."""
    with closing(rucket.get_client()) as client:
        url = f"{rucket.endpoint}/photos/blob"
        signed = client.generate_presigned_url("get_object", {"Bucket": "photos", "Key": "no"})
        with pytest.raises(ClientError) as missing:
            client.head_object(Bucket="photos", Key="no-such-key")
    for address in (url, signed.replace("Signature=", "Signature=0")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address, timeout=10)
        with closing(refused.value):
            assert refused.value.code == 403

    assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_metrics_are_published(rucket: RucketContainer) -> None:
    """The second port serves what Prometheus scrapes."""
    with urllib.request.urlopen(rucket.get_config().metrics, timeout=10) as answer:
        text = answer.read().decode()

    assert "rucket_requests_total" in text
