"""Byte ranges. Source: RFC 9110 §14."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import InvalidArgument, InvalidRange, S3Error
from rucket.wire.byte_ranges import (
    ByteRange,
    check_copy_source_range,
    parse_copy_source_range,
    resolve_range,
)


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-9", 0, 9),
        ("bytes=3-", 3, 9),
        ("bytes=3-99999999999", 3, 9),
        ("bytes=-1", 9, 9),
        ("bytes=-10", 0, 9),
        ("bytes=-11", 0, 9),
        ("Bytes=4-5", 4, 5),
        (" bytes= 4-5 ", 4, 5),
    ],
)
def test_range_of_ten_bytes(header: str, first: int, last: int) -> None:
    """A satisfiable range is cut to the object."""
    assert resolve_range(header, 10) == ByteRange(first, last)


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=-", "bytes=5-4", "0-4", "lines=0-4", "bytes=0-1,3-4",
     "bytes=a-b", "bytes=1-b", "bytes=--1", "bytes=+1-2", "bytes=1_0-20", "bytes=²-3",
     "bytes=0-" + "9" * 20],
)  # fmt: skip
def test_what_is_no_range_is_ignored(header: str) -> None:
    """The whole object is sent."""
    assert resolve_range(header, 10) is None


@pytest.mark.parametrize(
    ("header", "size_bytes"),
    [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-0", 0), ("bytes=-5", 0)],
    ids=["open_from_the_end", "beyond_the_end", "last_zero", "empty_object", "end_of_empty_object"],
)
def test_range_without_a_byte_is_unsatisfiable(header: str, size_bytes: int) -> None:
    """InvalidRange, and the client learns the size."""
    with pytest.raises(InvalidRange) as caught:
        resolve_range(header, size_bytes)

    assert caught.value.details["ActualObjectSize"] == str(size_bytes)


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 1500))
def test_range_agrees_with_slicing(first: int, last: int, size_bytes: int) -> None:
    """Both ends are inclusive."""
    data = bytes(index % 251 for index in range(size_bytes))
    try:
        found = resolve_range(f"bytes={first}-{last}", size_bytes)
    except InvalidRange:
        assert first <= last
        assert first >= size_bytes
        return

    if found is None:
        assert last < first
    else:
        assert data[first : last + 1] == data[found.first : found.last + 1]
        assert found.size_bytes == len(data[first : last + 1])
        assert found.content_range(size_bytes).startswith(f"bytes {first}-")


@given(st.text() | st.text("bytes=-, 0123456789"), st.integers(0, 10**6))
def test_arbitrary_headers_only_raise_s3_errors(text: str, size_bytes: int) -> None:
    """Whatever the header holds, there is a range within the object, none, or an S3 error."""
    for header in (text, f"bytes={text}"):
        with contextlib.suppress(S3Error):
            found = resolve_range(header, size_bytes)
            assert found is None or 0 <= found.first <= found.last < size_bytes
        with contextlib.suppress(InvalidArgument):
            parse_copy_source_range(header)


def test_copy_range_is_read() -> None:
    """Both ends are named, whatever the size of the source."""
    assert parse_copy_source_range("bytes=5-9") == ByteRange(5, 9)
    assert parse_copy_source_range(None) is None


@pytest.mark.parametrize(
    "header",
    ["0-2", "bytes=0", "bytes=hello-world", "bytes=0-bar", "bytes=hello-", "bytes=0-2,3-5",
     "bytes=5-", "bytes=-5", "bytes=9-5", ""],
)  # fmt: skip
def test_malformed_copy_range_is_refused(header: str) -> None:
    """A copy is strict where a GET ignores."""
    with pytest.raises(InvalidArgument):
        parse_copy_source_range(header)


def test_copy_range_lies_within_its_source() -> None:
    """A range that reaches beyond the source isn't cut."""
    check_copy_source_range(ByteRange(0, 9), 10)

    with pytest.raises(InvalidRange):
        check_copy_source_range(ByteRange(0, 10), 10)
