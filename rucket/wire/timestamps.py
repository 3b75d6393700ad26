"""The four ways S3 writes a moment, to and from milliseconds since the epoch (UTC).

::

    HTTP date      Fri, 24 May 2013 00:00:00 GMT     RFC 9110 §5.6.7
    ISO 8601       2013-05-24T00:00:00.000Z          S3's XML documents, whole seconds
    ISO 8601 basic 20130524T000000Z                  x-amz-date
    RFC 850, asctime, RFC 5322 with a numeric zone   read, never written

S3 shows a modification time in whole seconds everywhere, so that a header and a listing agree;
formatting truncates. Reads no clock.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_DAY_S = 86_400
_DAY_MINUTES = 24 * 60
_SECOND_MS = 1000
_MINUTE_MS = 60 * _SECOND_MS
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, start=1)}
_HTTP_DATE_LENGTH = 29
_BASIC_LENGTH = 16
_LENIENT_LENGTH_MAX = 64
_LENIENT_FORMATS = (
    "%a, %d %b %Y %H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %Z",
    "%A, %d-%b-%y %H:%M:%S GMT",
    "%a %b %d %H:%M:%S %Y",
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%Y-%m-%dT%H:%M:%S%z",
)


# A listing formats a thousand moments, many of them in the same second.
@lru_cache(maxsize=4096)
def _http_minute(minutes: int) -> str:
    days, minute = divmod(minutes, _DAY_MINUTES)
    day = date.fromordinal(_EPOCH_ORDINAL + days)
    hour, minute = divmod(minute, 60)
    return (
        f"{_WEEKDAYS[day.weekday()]}, {day.day:02d} {_MONTHS[day.month - 1]} {day.year:04d} "
        f"{hour:02d}:{minute:02d}:"
    )


@lru_cache(maxsize=4096)
def _iso_minute(minutes: int) -> str:
    days, minute = divmod(minutes, _DAY_MINUTES)
    hour, minute = divmod(minute, 60)
    return f"{date.fromordinal(_EPOCH_ORDINAL + days).isoformat()}T{hour:02d}:{minute:02d}:"


@lru_cache(maxsize=4096)
def _iso_second(seconds: int) -> str:
    minutes, second = divmod(seconds, 60)
    return f"{_iso_minute(minutes)}{second:02d}.000Z"


def format_http_date(timestamp_ms: int) -> str:
    """``Fri, 24 May 2013 00:00:00 GMT``."""
    minutes, remainder_ms = divmod(timestamp_ms, _MINUTE_MS)
    return f"{_http_minute(minutes)}{remainder_ms // _SECOND_MS:02d} GMT"


def format_iso8601(timestamp_ms: int) -> str:
    """``2013-05-24T00:00:00.000Z``, the milliseconds always zero as in S3's documents."""
    return _iso_second(timestamp_ms // _SECOND_MS)


def format_basic(timestamp_ms: int) -> str:
    """``20130524T000000Z``."""
    return format_iso8601(timestamp_ms).replace("-", "").replace(":", "").replace(".000", "")


@lru_cache(maxsize=64)
def _basic_day_ms(day: str) -> int:
    ordinal = date(int(day[:4]), int(day[4:6]), int(day[6:])).toordinal()
    return (ordinal - _EPOCH_ORDINAL) * _DAY_S * _SECOND_MS


def parse_basic(text: str) -> int | None:
    """Milliseconds of ``YYYYMMDDTHHMMSSZ``, None when ``text`` is anything else."""
    if len(text) != _BASIC_LENGTH or text[8] != "T" or text[15] != "Z" or not text.isascii():
        return None
    day, clock = text[:8], text[9:15]
    if not (day.isdigit() and clock.isdigit()):
        return None
    hour, minute, second = int(clock[:2]), int(clock[2:4]), int(clock[4:])
    try:
        day_ms = _basic_day_ms(day)
    except ValueError:
        return None
    return _with_clock(day_ms, hour, minute, second)


def parse_http_date(text: str) -> int | None:
    """Milliseconds of a date in a header, None when it isn't one (a condition is then ignored).

    The format every client sends is read by position; the obsolete ones of RFC 9110, numeric
    zones and ISO 8601 take the slow way.
    """
    moment = _parse_imf_fixdate(text)
    return _parse_leniently(text) if moment is None else moment


def _parse_imf_fixdate(text: str) -> int | None:
    if len(text) != _HTTP_DATE_LENGTH or not text.endswith(" GMT") or not text.isascii():
        return None
    month = _MONTH_NUMBERS.get(text[8:11])
    digits = text[5:7] + text[12:16] + text[17:19] + text[20:22] + text[23:25]
    if month is None or not digits.isdigit() or text[3:5] != ", ":
        return None
    if text[7] + text[11] + text[16] + text[19] + text[22] != "   ::":
        return None
    try:
        ordinal = date(int(digits[2:6]), month, int(digits[:2])).toordinal()
    except ValueError:
        return None
    day_ms = (ordinal - _EPOCH_ORDINAL) * _DAY_S * _SECOND_MS
    return _with_clock(day_ms, int(digits[6:8]), int(digits[8:10]), int(digits[10:]))


def _with_clock(day_ms: int, hour: int, minute: int, second: int) -> int | None:
    """``second`` may be 60: a leap second is no reason to refuse a client."""
    if hour >= 24 or minute >= 60 or second > 60:  # noqa: PLR2004 -- the clock
        return None
    return day_ms + ((hour * 60 + minute) * 60 + second) * _SECOND_MS


def _parse_leniently(text: str) -> int | None:
    if len(text) > _LENIENT_LENGTH_MAX or not text.isascii():
        return None
    for date_format in _LENIENT_FORMATS:
        try:
            moment = datetime.strptime(text, date_format)  # noqa: DTZ007 -- UTC just below
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return int(moment.timestamp() * _SECOND_MS)
        except (ValueError, OverflowError):
            continue
    return None
