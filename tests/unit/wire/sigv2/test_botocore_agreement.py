"""Whatever botocore signs by version 2 we accept, and nothing that was changed on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import HmacV1Auth, HmacV1QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import S3Error
from rucket.wire.sigv2 import authentication
from rucket.wire.sigv4.canonical_request import SignedRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCESS_KEY_ID = "AKIDEXAMPLE"
SECRET_ACCESS_KEY = "a/secret+with=signs"
CREDENTIALS = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
METHODS = st.sampled_from(["GET", "PUT", "POST", "HEAD", "DELETE"])
KEYS = st.text(st.characters(codec="utf-8"), max_size=60)
VALUES = st.text(st.characters(codec="utf-8"), max_size=20)
ASCII_VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
QUERIES = st.dictionaries(
    st.sampled_from(
        [
            *("acl", "delete", "lifecycle", "versionId", "partNumber", "uploadId", "tagging"),
            *("response-content-type", "response-content-disposition", "response-expires"),
            *("prefix", "marker", "list-type", "x-id", "anything"),
        ]
    ),
    st.one_of(st.none(), VALUES),
    max_size=5,
)
HEADERS = st.dictionaries(
    st.one_of(
        st.sampled_from(["Content-Type", "Content-MD5", "x-amz-acl", "Range", "User-Agent"]),
        st.from_regex(r"x-amz-meta-[a-z0-9-]{1,9}", fullmatch=True),
    ),
    ASCII_VALUES,
    max_size=5,
)


def unsigned(
    method: str, key: str, query: Mapping[str, str | None], headers: Mapping[str, str], host: str
) -> AWSRequest:
    """As botocore hands a request to its signer, in either style of naming a bucket.

    Without a key it is sent without a slash after the bucket, and signed with one.
    """
    parameters = "&".join(
        name if value is None else f"{name}={quote(value, safe='-_.~')}"
        for name, value in query.items()
    )
    quoted_key = quote(key, safe="/~")
    path = f"/{quoted_key}" if host else f"/bucket/{quoted_key}" if key else "/bucket"
    url = f"http://{host or '127.0.0.1:9000'}{path}" + (f"?{parameters}" if parameters else "")
    request = AWSRequest(method=method, url=url, headers=dict(headers))
    request.auth_path = f"/bucket/{quoted_key}"
    return request


def received(request: AWSRequest) -> SignedRequest:
    """What the HTTP server would hand over."""
    parts = urlsplit(str(request.url))
    headers = {name.lower(): str(value).strip() for name, value in request.headers.items()}
    raw_query = parts.query.encode()
    return SignedRequest(str(request.method), parts.path.encode(), raw_query, headers)


def verify(request: SignedRequest, bucket_of_host: str) -> None:
    """Both steps, at the moment that the signature names."""
    assert authentication.is_claimed(request)
    parsed = authentication.parse(request)
    assert parsed.access_key_id == ACCESS_KEY_ID
    authentication.verify(request, parsed, SECRET_ACCESS_KEY, bucket_of_host, parsed.moment_ms)


@given(
    method=METHODS,
    key=KEYS,
    query=QUERIES,
    headers=HEADERS,
    host=st.sampled_from(["", "bucket.s3.localhost"]),
    signer=st.sampled_from([HmacV1Auth, HmacV1QueryAuth]),
)
def test_signed_request_is_accepted(
    method: str,
    key: str,
    query: dict[str, str | None],
    headers: dict[str, str],
    host: str,
    signer: type[HmacV1Auth],
) -> None:
    """Any key, subresources, overrides and headers, by header and by URL, in both styles."""
    request = unsigned(method, key, query, headers, host)
    signer(CREDENTIALS).add_auth(request)

    verify(received(request), "bucket" if host else "")


@given(
    key=st.from_regex(r"[a-z]{1,20}", fullmatch=True),
    part=st.sampled_from(["method", "path", "x-amz-meta-a", "content-type", "date"]),
    position=st.integers(0, 100),
    byte=st.integers(0x21, 0x7E),
)
def test_changed_request_is_refused(key: str, part: str, position: int, byte: int) -> None:
    """One byte changed anywhere in what is signed, and the request is refused."""
    request = unsigned("PUT", key, {}, {"x-amz-meta-a": "value", "Content-Type": "text/plain"}, "")
    HmacV1Auth(CREDENTIALS).add_auth(request)
    before = received(request)
    after = with_changed_byte(before, part, position, byte)

    if after == before:
        verify(after, "")
    else:
        with pytest.raises(S3Error):
            verify(after, "")


def with_changed_byte(request: SignedRequest, part: str, position: int, byte: int) -> SignedRequest:
    """The request with one character of the given part replaced."""

    def replaced(text: str) -> str:
        index = position % len(text)
        return text[:index] + chr(byte) + text[index + 1 :]

    method, path, headers = request.method, request.raw_path, dict(request.headers)
    if part == "method":
        method = replaced(method)
    elif part == "path":
        path = replaced(path.decode()).encode()
    else:
        headers[part] = replaced(headers[part])
    return SignedRequest(method, path, request.raw_query, headers)
