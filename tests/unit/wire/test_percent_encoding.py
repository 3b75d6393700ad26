"""Percent-encoding. Source: RFC 3986 §2."""

from __future__ import annotations

import contextlib
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import InvalidURI
from rucket.wire.percent_encoding import percent_decode, uri_encode


@given(data=st.binary(), keep_slash=st.booleans())
def test_encoding_agrees_with_the_standard_library(data: bytes, *, keep_slash: bool) -> None:
    """The table gives the same text."""
    assert uri_encode(data, keep_slash=keep_slash) == quote(data, safe="/~" if keep_slash else "~")


@given(st.text())
def test_encoded_text_is_decoded(text: str) -> None:
    """Any text survives both ways."""
    assert percent_decode(uri_encode(text.encode()).encode()) == text


def test_plus_stands_for_itself() -> None:
    """A space is written %20."""
    assert percent_decode(b"a+b%20c%2Bd") == "a+b c+d"


@pytest.mark.parametrize("raw", [b"%", b"%2", b"%zz", b"100%", b"%ff", b"\xff", b"%c3%28"])
def test_what_is_no_encoded_utf8_is_refused(raw: bytes) -> None:
    """InvalidURI, as S3 answers."""
    with pytest.raises(InvalidURI):
        percent_decode(raw)


@given(st.binary())
def test_arbitrary_bytes_only_raise_s3_errors(raw: bytes) -> None:
    """Whatever stands there, it is text or InvalidURI."""
    with contextlib.suppress(InvalidURI):
        percent_decode(raw)
