"""Dates. Source: RFC 9110 §5.6.7."""

from __future__ import annotations

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.wire.timestamps import (
    format_basic,
    format_http_date,
    format_iso8601,
    parse_basic,
    parse_http_date,
)

MOMENT_MS = 1_369_353_600_000
MOMENTS = st.integers(0, 253_402_300_799_999)  # to the end of the year 9999


def test_formats_of_one_moment() -> None:
    """Each format drops the milliseconds."""
    moment_ms = MOMENT_MS + 999

    assert format_http_date(moment_ms) == "Fri, 24 May 2013 00:00:00 GMT"
    assert format_iso8601(moment_ms) == "2013-05-24T00:00:00.000Z"
    assert format_basic(moment_ms) == "20130524T000000Z"


@given(MOMENTS)
def test_formatted_moment_is_read_back(moment_ms: int) -> None:
    """To the second, in all three formats."""
    seconds_ms = moment_ms // 1000 * 1000

    assert parse_http_date(format_http_date(moment_ms)) == seconds_ms
    assert parse_http_date(format_iso8601(moment_ms)) == seconds_ms
    assert parse_basic(format_basic(moment_ms)) == seconds_ms


@given(MOMENTS)
def test_http_date_agrees_with_the_standard_library(moment_ms: int) -> None:
    """The fast way gives the same text."""
    expected = email.utils.formatdate(moment_ms // 1000, usegmt=True)

    assert format_http_date(moment_ms) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 24 May 2013 00:00:00 GMT",
        "Friday, 24-May-13 00:00:00 GMT",
        "Fri May 24 00:00:00 2013",
        "Fri, 24 May 2013 00:00:00 -0000",
        "Fri, 24 May 2013 02:00:00 +0200",
        "2013-05-24T00:00:00Z",
        "2013-05-24T00:00:00.000Z",
    ],
)
def test_every_spelling_of_a_moment_is_read(text: str) -> None:
    """The obsolete formats, numeric zones and ISO 8601."""
    assert parse_http_date(text) == MOMENT_MS


@pytest.mark.parametrize(
    "text",
    ["", "now", "Fri, 24 Mai 2013 00:00:00 GMT", "Fri, 24 May 2013 24:00:00 GMT",
     "Fri, 30 Feb 2013 00:00:00 GMT", "Fri, 24 May 0000 00:00:00 GMT",
     "Fri, 2² May 2013 00:00:00 GMT", "x" * 10_000],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    """No exception: the caller decides what it means."""
    assert parse_http_date(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "20130524", "20130524T000000", "20130524T000000z", "20130524T0000000", "20131324T000000Z",
     "20130524T240000Z", "2013 524T000000Z", "\uff120130524T000000Z", "00000101T000000Z"],
)  # fmt: skip
def test_what_is_no_basic_date_is_none(text: str) -> None:
    """The format is strict: it is part of what is signed."""
    assert parse_basic(text) is None


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"))
def test_arbitrary_text_raises_nothing(text: str) -> None:
    """Whatever stands there, it is a moment or None."""
    parse_http_date(text)
    parse_basic(text)
