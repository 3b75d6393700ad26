"""Signatures: botocore makes them, also wrong ones."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.exceptions import ClientError

from tests.functional.conftest import s3_client
from tests.server_process import Credentials

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tests.clients.target import Target
    from tests.functional.raw_http import RawClient

CHUNK = b"c" * 65536


def refusal(client: S3Client) -> tuple[int, str]:
    """How the server refuses this client."""
    with pytest.raises(ClientError) as caught:
        client.list_buckets()
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_an_unknown_access_key_is_refused(target: Target) -> None:
    """InvalidAccessKeyId."""
    nobody = Credentials("nobody", "NOBODYSKEY", "secret-secret")

    assert refusal(s3_client(target, nobody)) == (403, "InvalidAccessKeyId")


def test_a_wrong_secret_is_refused(target: Target) -> None:
    """SignatureDoesNotMatch."""
    impostor = Credentials("impostor", target.owner.access_key, "guessed-secret")

    assert refusal(s3_client(target, impostor)) == (403, "SignatureDoesNotMatch")


def test_an_anonymous_request_is_refused(anonymous_s3: S3Client) -> None:
    """AccessDenied."""
    assert refusal(anonymous_s3) == (403, "AccessDenied")


def test_a_changed_request_is_refused(raw: RawClient, bucket: str) -> None:
    """A signature is for one request, and for no other."""
    headers = raw.sign("GET", f"/{bucket}/key", {}, b"")

    answer = raw.request("GET", f"/{bucket}/other", headers, is_signed=False)

    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_a_changed_body_is_refused(s3: S3Client, raw: RawClient, bucket: str) -> None:
    """The body's SHA-256 is signed and checked."""
    headers = raw.sign("PUT", f"/{bucket}/key", {}, b"what was signed")

    answer = raw.request("PUT", f"/{bucket}/key", headers, b"what was sent!!", is_signed=False)

    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_an_old_signature_is_refused(raw: RawClient) -> None:
    """RequestTimeTooSkewed, 15 minutes on."""
    headers = {
        "x-amz-date": "20200101T000000Z",
        "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
        "authorization": (
            "AWS4-HMAC-SHA256 Credential=ALICEACCESSKEY0001/20200101/us-east-1/s3/aws4_request, "
            f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={'0' * 64}"
        ),
    }

    answer = raw.request("GET", "/", headers, is_signed=False)

    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")


def test_a_presigned_url_works_for_anybody(s3: S3Client, raw: RawClient, bucket: str) -> None:
    """To write and to read, for its one key."""
    put_url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "a key"})
    get_url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a key"})

    put = raw.request("PUT", target_of(put_url), body=b"bytes", is_signed=False)
    got = raw.request("GET", target_of(get_url), is_signed=False)
    other = raw.request("GET", target_of(get_url).replace("a%20key", "other"), is_signed=False)

    assert put.status == 200
    assert (got.status, got.body) == (200, b"bytes")
    assert other.code == "SignatureDoesNotMatch"


def test_a_presigned_url_ends(target: Target, raw: RawClient, bucket: str) -> None:
    """An expired one is AccessDenied; a lifetime of nothing has expired when it arrives."""
    request = AWSRequest(method="GET", url=f"{target.endpoint}/{bucket}/key")
    credentials = BotocoreCredentials(target.owner.access_key, target.owner.secret_key)
    S3SigV4QueryAuth(credentials, "s3", target.region, expires=0).add_auth(request)

    assert raw.request("GET", target_of(request.url or ""), is_signed=False).code == "AccessDenied"


def target_of(url: str) -> str:
    """Path and query of a URL."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


class ChunkSigner:
    """Signs the chunks of a body as SDKs do over plain HTTP.

    Source: S3 API Reference, "Transferring Payload in Multiple Chunks".
    """

    def __init__(self, headers: dict[str, str], credentials: Credentials) -> None:
        authorization = headers["Authorization"]
        self._timestamp = headers["X-Amz-Date"]
        self._previous = authorization.rpartition("Signature=")[2]
        scope = authorization.partition("Credential=")[2].partition(",")[0]
        self._scope = scope.partition("/")[2]
        key = f"AWS4{credentials.secret_key}".encode()
        for step in self._scope.split("/"):
            key = hmac.digest(key, step.encode(), "sha256")
        self._key = key

    def chunk(self, data: bytes) -> bytes:
        """One framed chunk; an empty one is the last."""
        text = "\n".join(
            [
                "AWS4-HMAC-SHA256-PAYLOAD",
                self._timestamp,
                self._scope,
                self._previous,
                hashlib.sha256(b"").hexdigest(),
                hashlib.sha256(data).hexdigest(),
            ]
        )
        self._previous = hmac.digest(self._key, text.encode(), "sha256").hex()
        return f"{len(data):x};chunk-signature={self._previous}\r\n".encode() + data + b"\r\n"


@pytest.mark.parametrize("tampers", [False, True], ids=["as-signed", "tampered"])
def test_signed_chunks_are_verified(
    s3: S3Client, target: Target, raw: RawClient, bucket: str, *, tampers: bool
) -> None:
    """A chunk that isn't what was signed is refused, and nothing is written."""
    length = 3 * len(CHUNK)
    framed_length = 3 * (len(CHUNK) + len("10000;chunk-signature=\r\n\r\n") + 64)
    framed_length += len("0;chunk-signature=\r\n\r\n") + 64
    headers = raw.sign(
        "PUT",
        f"/{bucket}/key",
        {
            "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            "x-amz-decoded-content-length": str(length),
            "content-encoding": "aws-chunked",
        },
        b"",
    )
    signer = ChunkSigner(headers, target.owner)
    body = b"".join(signer.chunk(data) for data in (CHUNK, CHUNK, CHUNK, b""))
    assert len(body) == framed_length
    if tampers:
        body = body.replace(b"ccc", b"ccd", 1)

    answer = raw.request("PUT", f"/{bucket}/key", headers, body, is_signed=False)

    if tampers:
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    else:
        assert answer.status == 200
        got = s3.get_object(Bucket=bucket, Key="key")
        assert got["Body"].read() == CHUNK * 3
        assert "ContentEncoding" not in got
