"""Errors over raw HTTP: what they look like, and that the connection survives them."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.functional.raw_http import RawClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

    from tests.clients.target import Target

MIB = 1024 * 1024


@pytest.fixture
def stranger(target: Target) -> Iterator[RawClient]:
    """Somebody who may not do what they try."""
    with RawClient(target.endpoint, target.region, target.stranger) as client:
        yield client


def test_an_error_names_its_request(raw: RawClient) -> None:
    """RequestId and HostId are the headers'; the content type is XML's."""
    answer = raw.request("GET", "/there-is-no-such-bucket/key")

    assert (answer.status, answer.code) == (404, "NoSuchBucket")
    assert answer.error.findtext("RequestId") == answer.headers["x-amz-request-id"]
    assert answer.error.findtext("HostId") == answer.headers["x-amz-id-2"]
    assert answer.headers["content-type"] == "application/xml"
    assert answer.headers["server"] == "Rucket"


def test_a_head_that_fails_has_no_body(raw: RawClient) -> None:
    """And the connection can be used again."""
    first = raw.request("HEAD", "/there-is-no-such-bucket")
    second = raw.request("GET", "/")

    assert (first.status, first.body) == (404, b"")
    assert second.status == 200


@pytest.mark.parametrize("size_bytes", [1, 100_000, 4 * MIB])
def test_the_connection_survives_an_early_error(
    stranger: RawClient, bucket: str, size_bytes: int
) -> None:
    """A body that nobody wanted is read, and the next request is answered."""
    refused = stranger.request("PUT", f"/{bucket}/key", body=b"x" * size_bytes)
    sock = stranger.connection.sock
    next_one = stranger.request("GET", "/")

    assert (refused.status, refused.code) == (403, "AccessDenied")
    assert next_one.status == 200
    assert stranger.connection.sock is sock, "the connection was opened anew"


def test_who_expects_to_be_asked_is_answered_first(stranger: RawClient, bucket: str) -> None:
    """An unauthorised PUT with Expect gets its 403 without sending a byte."""
    stranger.send("PUT", f"/{bucket}/key", {"expect": "100-continue", "content-length": str(MIB)})

    answer = stranger.receive()

    assert (answer.status, answer.code) == (403, "AccessDenied")


def test_who_expects_to_be_asked_is_asked(raw: RawClient, bucket: str) -> None:
    """An authorised PUT with Expect gets 100 Continue, then its answer."""
    body = b"x" * MIB
    headers = raw.sign("PUT", f"/{bucket}/key", {"expect": "100-continue"}, body)
    parts = urlsplit(raw.endpoint)
    head = f"PUT /{bucket}/key HTTP/1.1\r\nhost: {raw.netloc}\r\ncontent-length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    with socket.create_connection((parts.hostname, parts.port), timeout=20) as sock:
        sock.sendall(head.encode() + b"\r\n")
        interim = sock.recv(4096)
        sock.sendall(body)
        final = sock.recv(4096)

    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert final.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("PUT", "acl"),
        ("PUT", "tagging"),
        ("PUT", "retention"),
        ("DELETE", "tagging"),
        ("GET", "attributes"),
        ("POST", "restore"),
    ],
)
def test_a_subresource_never_touches_the_object(
    s3: S3Client, raw: RawClient, bucket: str, method: str, query: str
) -> None:
    """What isn't implemented says so, and leaves the object alone."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"precious")

    answer = raw.request(method, f"/{bucket}/key?{query}")

    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"precious"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-md5": ""}, 400, "InvalidDigest"),
        ({"content-md5": "nonsense"}, 400, "InvalidDigest"),
        ({"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}, 400, "BadDigest"),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, 400, "BadDigest"),
        ({"x-amz-acl": "public-read"}, 501, "NotImplemented"),
        ({"x-amz-storage-class": "GLACIER"}, 400, "InvalidStorageClass"),
        ({"x-amz-expected-bucket-owner": "somebody"}, 403, "AccessDenied"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_a_put_that_is_refused_writes_nothing(
    s3: S3Client,
    raw: RawClient,
    bucket: str,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    """Each refusal has its code, and the bucket stays empty."""
    answer = raw.request("PUT", f"/{bucket}/key", headers, b"bytes")

    assert (answer.status, answer.code) == (status, code)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize(
    ("target_path", "code"),
    [
        ("/{bucket}/%ff", "InvalidURI"),
        ("/{bucket}/" + "k" * 1025, "KeyTooLongError"),
        ("/{bucket}?max-keys=blah", "InvalidArgument"),
        ("/{bucket}?acl&policy", "InvalidArgument"),
        ("/UPPER_case", "NoSuchBucket"),
    ],
)
def test_what_makes_no_sense_is_refused(
    raw: RawClient, bucket: str, target_path: str, code: str
) -> None:
    """With a code that says why."""
    assert raw.request("GET", target_path.format(bucket=bucket)).code == code


def test_an_upload_that_breaks_off_leaves_nothing(
    s3: S3Client, target: Target, bucket: str
) -> None:
    """Neither an object nor a server that has had enough."""
    for _ in range(5):
        with RawClient(target.endpoint, target.region, target.owner) as client:
            client.send(
                "PUT",
                f"/{bucket}/key",
                {"content-length": str(10 * MIB), "x-amz-content-sha256": "UNSIGNED-PAYLOAD"},
            )
            client.connection.send(b"x" * MIB)

    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_download_that_breaks_off_harms_nobody(s3: S3Client, target: Target, bucket: str) -> None:
    """Many clients leave in the middle; the next one gets all of it."""
    body = bytes(range(256)) * 4096 * 20
    s3.put_object(Bucket=bucket, Key="key", Body=body)

    def leave_early(_: int) -> None:
        with RawClient(target.endpoint, target.region, target.owner) as client:
            client.send("GET", f"/{bucket}/key", {})
            response = client.connection.getresponse()
            assert len(response.read(1000)) == 1000

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(leave_early, range(16)))

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == body


def test_health_needs_no_credentials(raw: RawClient) -> None:
    """Live and ready answer anybody."""
    for page in ("live", "ready"):
        assert raw.request("GET", f"/minio/health/{page}", is_signed=False).status == 200
