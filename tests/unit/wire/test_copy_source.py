"""The source of a copy. Source: S3 API Reference, "CopyObject"."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import InvalidArgument, KeyTooLongError, S3Error
from rucket.wire.copy_source import CopySource, parse_copy_source
from rucket.wire.percent_encoding import uri_encode


@pytest.mark.parametrize(
    ("header", "bucket", "key", "version_id"),
    [
        ("bucket/key", "bucket", "key", None),
        ("/bucket/key", "bucket", "key", None),
        ("/bucket/a/b//c", "bucket", "a/b//c", None),
        ("bucket//key", "bucket", "/key", None),
        ("bucket%2Fkey", "bucket", "key", None),
        ("%2Fbucket%2Fa%2Fb", "bucket", "a/b", None),
        ("bucket/any%25.txt", "bucket", "any%.txt", None),
        ("bucket/any%2525.txt", "bucket", "any%25.txt", None),
        ("bucket/key?versionId=v1", "bucket", "key", "v1"),
        ("bucket/key?versionId=null", "bucket", "key", "null"),
        ("bucket/key%3FversionId=v1", "bucket", "key?versionId=v1", None),
        ("bucket/%3FversionId%3D1?versionId=v1", "bucket", "?versionId=1", "v1"),
        ("bucket/a+b", "bucket", "a+b", None),
        ("bucket/a?b", "bucket", "a?b", None),
        ("bucket/\xc3\xa9", "bucket", "é", None),
    ],
)
def test_source_is_read(header: str, bucket: str, key: str, version_id: str | None) -> None:
    """The version is split off before anything is decoded, and decoding happens once."""
    source = parse_copy_source(header)

    assert (source.bucket, source.key, source.version_id) == (bucket, key, version_id)


@pytest.mark.parametrize(
    "header",
    ["", "/", "bucket", "bucket/", "/bucket/", "//key", "bucket/key?versionId=", "bucket/%",
     "bucket/%ff", "arn:aws:s3:us-east-1:1:accesspoint/p/object/k"],
)  # fmt: skip
def test_what_is_no_source_is_refused(header: str) -> None:
    """InvalidArgument names the header."""
    with pytest.raises(InvalidArgument) as caught:
        parse_copy_source(header)

    assert caught.value.details["ArgumentName"] == "x-amz-copy-source"


def test_key_is_bounded() -> None:
    """As every key is."""
    with pytest.raises(KeyTooLongError):
        parse_copy_source("bucket/" + "k" * 1025)


@given(st.text(min_size=1, max_size=200), st.none() | st.text(min_size=1, max_size=20))
def test_any_source_comes_back(key: str, version_id: str | None) -> None:
    """Encoded as clients do it, any key and version survive."""
    header = "/bucket/" + uri_encode(key.encode(), keep_slash=True)
    if version_id is not None:
        header += "?versionId=" + uri_encode(version_id.encode())

    source = parse_copy_source(header)

    assert source == CopySource("bucket", source.key, version_id)
    assert source.key == key


@given(st.text())
def test_arbitrary_headers_only_raise_s3_errors(text: str) -> None:
    """Whatever the header holds, the answer is an S3 error or a source."""
    for header in (text, "bucket/" + text, "bucket/key?versionId=" + text):
        with contextlib.suppress(S3Error):
            parse_copy_source(header)
