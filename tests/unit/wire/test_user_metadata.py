"""User metadata. Source: S3 User Guide, "Working with object metadata"; RFC 2047."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import MetadataTooLarge
from rucket.wire.user_metadata import (
    collect_user_metadata,
    decode_metadata_value,
    encode_metadata_value,
)


def test_metadata_is_collected() -> None:
    """Names lose their prefix, empty values stay, other headers aren't metadata."""
    headers = {"x-amz-meta-a": "1", "x-amz-meta-b-c": "", "x-amz-metadata-directive": "COPY"}

    assert collect_user_metadata(headers) == {"a": "1", "b-c": ""}


def test_metadata_has_at_most_2_kib() -> None:
    """Names without the prefix and values, as UTF-8."""
    assert collect_user_metadata({"x-amz-meta-ab": "x" * 2046}) == {"ab": "x" * 2046}
    with pytest.raises(MetadataTooLarge):
        collect_user_metadata({"x-amz-meta-ab": "x" * 2047})
    with pytest.raises(MetadataTooLarge):
        collect_user_metadata({"x-amz-meta-ab": "é" * 1024})


@pytest.mark.parametrize(
    ("received", "text"),
    [
        ("plain", "plain"),
        ("Hello World\xc3\xa9", "Hello Worldé"),
        ("Hello World\xe9", "Hello Worldé"),
        ("=?UTF-8?B?w6k=?=", "é"),
        ("=?utf-8?q?=C3=A9_a?=", "é a"),
        ("=?ISO-8859-1?Q?=E9?=", "é"),
        ("a =?UTF-8?B?w6k=?= =?UTF-8?B?w6k=?= b", "a éé b"),
        ("=?UTF-8?B?!?=", "=?UTF-8?B?!?="),
        ("=?UTF-8?B?/w==?=", "=?UTF-8?B?/w==?="),
        ("=?KOI8-R?B?w6k=?=", "=?KOI8-R?B?w6k=?="),
        ("1 =? 2 ?= 3", "1 =? 2 ?= 3"),
    ],
)
def test_value_is_decoded(received: str, text: str) -> None:
    """UTF-8, latin-1 or an encoded word; what isn't any of them stays as it is."""
    assert decode_metadata_value(received) == text


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("plain", b"plain"),
        ("é", b"\xe9"),
        ("✓", b"=?UTF-8?B?4pyT?="),
        ("a\r\nSet-Cookie: b", b"=?UTF-8?B?YQ0KU2V0LUNvb2tpZTogYg==?="),
    ],
)
def test_value_is_encoded(text: str, sent: bytes) -> None:
    """One byte for a character where latin-1 has it, else an encoded word."""
    assert encode_metadata_value(text) == sent


@given(st.text(st.characters(codec="utf-8")))
def test_sent_value_is_safe_and_stable(text: str) -> None:
    """No value ends its header, and what a client sends back means the same."""
    sent = encode_metadata_value(decode_metadata_value(text.encode().decode("latin-1")))

    assert not set(sent) & set(b"\r\n\0")
    again = encode_metadata_value(decode_metadata_value(sent.decode("latin-1")))
    assert not set(again) & set(b"\r\n\0")


@given(st.text(st.characters(codec="utf-8", min_codepoint=0x100), min_size=1))
def test_text_beyond_latin_1_comes_back(text: str) -> None:
    """An encoded word decodes to what was encoded."""
    assert decode_metadata_value(encode_metadata_value(text).decode("latin-1")) == text


@given(st.dictionaries(st.text(), st.text()))
def test_arbitrary_metadata_only_raises_metadata_too_large(headers: dict[str, str]) -> None:
    """Whatever the headers hold, the answer is metadata or that S3 error."""
    prefixed = {f"x-amz-meta-{name}": f"=?UTF-8?Q?{value}?=" for name, value in headers.items()}

    with contextlib.suppress(MetadataTooLarge):
        collect_user_metadata({**headers, **prefixed})
