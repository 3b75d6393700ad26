"""Content headers, lengths and digests. Source: S3 API Reference, "PutObject", "GetObject"."""

from __future__ import annotations

import base64
import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import InvalidArgument, InvalidDigest, InvalidRequest, S3Error
from rucket.wire.headers import (
    collect_content_headers,
    is_aws_chunked,
    parse_content_length,
    parse_content_md5,
    response_overrides,
    strip_aws_chunked,
)
from rucket.wire.percent_encoding import uri_encode
from rucket.wire.request_target import parse_query


def test_content_headers_are_kept() -> None:
    """What describes the object stays, what describes the request goes."""
    headers = {
        "host": "h",
        "content-type": "text/plain",
        "content-length": "5",
        "cache-control": "no-cache",
        "content-disposition": "attachment; filename=\xe9",
        "content-language": "fr",
        "expires": "whenever",
        "content-encoding": "aws-chunked, gzip",
    }

    assert collect_content_headers(headers) == {
        "content-type": "text/plain",
        "cache-control": "no-cache",
        "content-disposition": "attachment; filename=\xe9",
        "content-language": "fr",
        "expires": "whenever",
        "content-encoding": "gzip",
    }


@pytest.mark.parametrize("headers", [{}, {"content-type": "", "content-encoding": "aws-chunked"}])
def test_content_type_has_a_default(headers: dict[str, str]) -> None:
    """An object always has a type, and no encoding when only the framing was one."""
    assert collect_content_headers(headers) == {"content-type": "binary/octet-stream"}


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("aws-chunked", ""),
        ("gzip", "gzip"),
        ("deflate, gzip", "deflate, gzip"),
        ("deflate,gzip", "deflate,gzip"),
        ("aws-chunked,gzip", "gzip"),
        ("gzip, aws-chunked", "gzip"),
        ("deflate, AWS-Chunked ,gzip,aws-chunked", "deflate, gzip"),
    ],
)
def test_framing_is_no_encoding_of_the_object(encoding: str, expected: str) -> None:
    """aws-chunked goes from any position; without it the value stays as it is."""
    assert strip_aws_chunked(encoding) == expected


def test_framing_is_recognised() -> None:
    """Whether or not it stands alone."""
    assert is_aws_chunked({"content-encoding": "gzip,AWS-chunked"})
    assert not is_aws_chunked({"content-encoding": "gzip"})
    assert not is_aws_chunked({})


def test_responses_can_be_overridden() -> None:
    """Each response- parameter replaces its header; others are none of our business."""
    query = parse_query(
        b"response-content-type=text/plain&response-content-disposition=a%C3%A9&prefix=x"
        b"&response-cache-control=no-cache&response-content-encoding=gzip"
        b"&response-content-language=fr&response-expires=never&response-content-type=second"
    )

    assert response_overrides(query, is_anonymous=False) == {
        b"content-type": b"text/plain",
        b"content-disposition": "aé".encode(),
        b"cache-control": b"no-cache",
        b"content-encoding": b"gzip",
        b"content-language": b"fr",
        b"expires": b"never",
    }


def test_anonymous_may_not_override() -> None:
    """Only who signs may change what is answered."""
    with pytest.raises(InvalidRequest):
        response_overrides(parse_query(b"response-expires=0"), is_anonymous=True)

    assert response_overrides(parse_query(b"prefix=0"), is_anonymous=True) == {}


@given(st.text())
def test_override_never_breaks_its_header(value: str) -> None:
    """No value smuggles a line break into the answer."""
    query = parse_query(b"response-content-type=" + uri_encode(value.encode()).encode())

    try:
        overrides = response_overrides(query, is_anonymous=False)
    except InvalidArgument:
        assert any(character < " " or character == "\x7f" for character in value)
        return

    assert not set(overrides[b"content-type"]) & set(b"\r\n\0")


@pytest.mark.parametrize(("value", "length"), [(None, None), ("0", 0), (" 12 ", 12), ("007", 7)])
def test_content_length_is_read(value: str | None, length: int | None) -> None:
    """A number of bytes, or nothing."""
    assert parse_content_length(value) == length


@pytest.mark.parametrize("value", ["", "-1", "+1", "1e3", "0x10", "1_0", "٣", "1,1", "9" * 20])
def test_what_is_no_length_is_refused(value: str) -> None:
    """InvalidRequest, at once."""
    with pytest.raises(InvalidRequest):
        parse_content_length(value)


@given(st.binary())
def test_content_md5_is_read(body: bytes) -> None:
    """The 16 bytes behind the base64."""
    digest = hashlib.md5(body).digest()

    assert parse_content_md5(base64.b64encode(digest).decode()) == digest


@pytest.mark.parametrize(
    "value", ["", "YWJyYWNhZGFicmE=", "bad content md5", "é", "AAAAAAAAAAAAAAAAAAAAAA=", "=" * 24]
)
def test_what_is_no_md5_is_refused(value: str) -> None:
    """InvalidDigest for a wrong length, garbage or nothing."""
    with pytest.raises(InvalidDigest):
        parse_content_md5(value)


@given(st.text())
def test_arbitrary_values_only_raise_s3_errors(text: str) -> None:
    """Whatever stands there, the answer is an S3 error or a value."""
    for parse in (parse_content_length, parse_content_md5):
        with contextlib.suppress(S3Error):
            parse(text)
    collect_content_headers({"content-encoding": text, "content-type": text})
    strip_aws_chunked(f"{text},aws-chunked")
