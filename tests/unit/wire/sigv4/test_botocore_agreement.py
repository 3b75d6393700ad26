"""Whatever botocore signs we accept, and nothing that was changed on the way.

The requests are caught just before they would be sent, as they would stand on the wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from hypothesis import assume, given
from hypothesis import strategies as st

from rucket.model.errors import InvalidAccessKeyId, S3Error
from rucket.wire.sigv4 import authentication
from rucket.wire.sigv4.canonical_request import SignedRequest, canonical_query, canonical_uri

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

ACCESS_KEY_ID = "AKIDEXAMPLE"
SECRET_ACCESS_KEY = "a/secret+with=signs"
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
ASCII_VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


class Wire:
    """Stands where the network would be: keeps what botocore would have sent."""

    def __init__(self) -> None:
        self._sent: list[AWSPreparedRequest] = []
        self.client: S3Client = boto3.client(
            "s3",
            endpoint_url="http://127.0.0.1:9000",
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )
        events: Any = self.client.meta.events  # its stub knows no handler that answers
        events.register("before-send.s3", self._catch)

    def _catch(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self._sent.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), _EmptyBody())

    def request_of(self, call: Callable[[S3Client], object]) -> SignedRequest:
        """The request that ``call`` makes the client send."""
        call(self.client)
        sent = self._sent.pop()
        return as_signed_request(sent.method, sent.url, dict(sent.headers))


class _EmptyBody:
    def stream(self) -> list[bytes]:
        return []

    def read(self, *_: object) -> bytes:
        return b""


def as_signed_request(method: str, url: str, headers: dict[str, object]) -> SignedRequest:
    """What the HTTP server would hand over."""
    parts = urlsplit(url)
    received = {"host": parts.netloc}
    for name, value in headers.items():
        raw = value if isinstance(value, bytes) else str(value).encode()
        received[name.lower()] = raw.decode("latin-1")
    return SignedRequest(method, parts.path.encode(), parts.query.encode(), received)


@pytest.fixture(scope="module")
def wire() -> Wire:
    """One client for all: making one takes longer than a test."""
    return Wire()


def verify(request: SignedRequest) -> None:
    """Both steps, at the moment at which the request was signed."""
    parsed = authentication.parse(request, "us-east-1")
    assert parsed is not None
    if parsed.access_key_id != ACCESS_KEY_ID:
        raise InvalidAccessKeyId
    authentication.verify(request, parsed, SECRET_ACCESS_KEY, parsed.timestamp_ms)


@given(key=KEYS, start=st.integers(0, 10**9), version_id=ASCII_VALUES)
def test_signed_get_is_accepted(wire: Wire, key: str, start: int, version_id: str) -> None:
    """Any key, with a query and a range."""
    verify(
        wire.request_of(
            lambda client: client.get_object(
                Bucket="bucket", Key=key, Range=f"bytes={start}-", VersionId=version_id
            )
        )
    )


@given(
    key=KEYS,
    body=st.binary(max_size=50),
    metadata=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True), ASCII_VALUES, max_size=3
    ),
)
def test_signed_put_is_accepted(
    wire: Wire, key: str, body: bytes, metadata: dict[str, str]
) -> None:
    """Any key and body, with metadata and the checksum that botocore adds by itself."""
    verify(
        wire.request_of(
            lambda client: client.put_object(Bucket="bucket", Key=key, Body=body, Metadata=metadata)
        )
    )


@given(prefix=st.text(max_size=40), delimiter=st.text(max_size=3), token=st.text(max_size=9))
def test_signed_list_is_accepted(wire: Wire, prefix: str, delimiter: str, token: str) -> None:
    """Any text in the parameters of a listing."""
    verify(
        wire.request_of(
            lambda client: client.list_objects_v2(
                Bucket="bucket", Prefix=prefix, Delimiter=delimiter, StartAfter=token
            )
        )
    )


@given(key=KEYS, source=KEYS)
def test_signed_copy_is_accepted(wire: Wire, key: str, source: str) -> None:
    """A copy signs its source, percent-encoded, in a header."""
    verify(
        wire.request_of(
            lambda client: client.copy_object(
                Bucket="bucket", Key=key, CopySource={"Bucket": "other", "Key": source}
            )
        )
    )


@given(key=KEYS, expires_s=st.integers(1, 604_800), disposition=st.text(max_size=20))
def test_presigned_url_is_accepted(wire: Wire, key: str, expires_s: int, disposition: str) -> None:
    """Any key, lifetime and override."""
    url = wire.client.generate_presigned_url(
        "get_object",
        Params={"Bucket": "bucket", "Key": key, "ResponseContentDisposition": disposition},
        ExpiresIn=expires_s,
    )

    verify(as_signed_request("GET", url, {}))


@given(
    key=KEYS,
    prefix=st.text(max_size=10),
    part=st.sampled_from(["method", "path", "query", "header", "authorization"]),
    position=st.integers(0, 10_000),
    byte=st.integers(0x21, 0x7E),
)
def test_changed_request_is_refused(
    wire: Wire, key: str, prefix: str, part: str, position: int, byte: int
) -> None:
    """One byte changed anywhere in what is signed, and the request is refused."""
    request = wire.request_of(
        lambda client: client.put_object(
            Bucket="bucket", Key=key, Body=b"body", Metadata={"a": "b" + prefix.encode().hex()}
        )
    )
    changed = with_changed_byte(request, part, position, byte)
    assume(meaning(changed) != meaning(request))

    with pytest.raises(S3Error):
        verify(changed)


def with_changed_byte(request: SignedRequest, part: str, position: int, byte: int) -> SignedRequest:
    """The request with one character of the given part replaced."""

    def replaced(text: str) -> str:
        index = position % max(len(text), 1)
        return text[:index] + chr(byte) + text[index + 1 :]

    headers = dict(request.headers)
    method, path, query = request.method, request.raw_path, request.raw_query
    if part == "method":
        method = replaced(method)
    elif part == "path":
        path = replaced(path.decode()).encode()
    elif part == "query":
        query = replaced(query.decode()).encode()
    elif part == "authorization":
        headers[part] = replaced(headers[part])
    else:
        names = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
        name = names[position % len(names)]
        headers[name] = replaced(headers[name])
    return SignedRequest(method, path, query, headers)


def meaning(request: SignedRequest) -> object:
    """What is signed, and how: two requests that agree in it are the same to S3."""
    try:
        parsed = authentication.parse(request, "us-east-1")
    except S3Error:
        parsed = None
    return (
        request.method,
        canonical_uri(request.raw_path),
        canonical_query(request.raw_query),
        {name: value for name, value in request.headers.items() if name != "authorization"},
        parsed,
    )
