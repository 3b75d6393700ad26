"""Byte ranges of ``Range`` and ``x-amz-copy-source-range``.

::

    bytes=0-9    the first ten        bytes=-5   the last five
    bytes=10-    from the eleventh    0-9, bytes=9-0, bytes=0-1,4-5, lines=1-2   not a range

S3 serves one range only: a header it doesn't understand, several ranges among them, is ignored and
the whole object sent. A copy is strict instead. Source: RFC 9110 §14, S3 API Reference, "GetObject"
and "UploadPartCopy".
"""

from __future__ import annotations

from dataclasses import dataclass

from rucket.model.errors import InvalidArgument, InvalidRange

_PREFIX = "bytes="
_DIGITS_MAX = 19


@dataclass(frozen=True, slots=True)
class ByteRange:
    """``first`` to ``last``, both inclusive, counted from 0."""

    first: int
    last: int

    @property
    def size_bytes(self) -> int:
        """How many bytes that is; at least one."""
        return self.last - self.first + 1

    def content_range(self, size_bytes: int) -> str:
        """The ``Content-Range`` of an object of ``size_bytes``."""
        return f"bytes {self.first}-{self.last}/{size_bytes}"


def resolve_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """What a ``Range`` header asks of an object of ``size_bytes``.

    Returns:
        The range, cut to the object, or None when the whole object is to be sent.

    Raises:
        InvalidRange: no byte of the object lies in the range.
    """
    if header is None:
        return None
    bounds = _bounds(header)
    if bounds is None:
        return None
    first, last = bounds
    if first is None:
        assert last is not None
        first = max(size_bytes - last, 0)
        is_satisfiable = last > 0 and size_bytes > 0
        last = size_bytes - 1
    else:
        is_satisfiable = first < size_bytes
        last = size_bytes - 1 if last is None else min(last, size_bytes - 1)
    if not is_satisfiable:
        raise InvalidRange(RangeRequested=header, ActualObjectSize=str(size_bytes))
    return ByteRange(first, last)


def parse_copy_source_range(header: str | None) -> ByteRange | None:
    """Read ``x-amz-copy-source-range``, which has to name both ends.

    Raises:
        InvalidArgument: it isn't ``bytes=first-last``.
    """
    if header is None:
        return None
    bounds = _bounds(header)
    if bounds is None or bounds[0] is None or bounds[1] is None:
        raise InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
            "and last are the zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    return ByteRange(bounds[0], bounds[1])


def check_copy_source_range(byte_range: ByteRange, size_bytes: int) -> None:
    """A copied range has to lie within its source.

    Raises:
        InvalidRange: it reaches beyond ``size_bytes``.
    """
    if byte_range.last >= size_bytes:
        raise InvalidRange(
            f"Range specified is not valid for source object of size: {size_bytes}",
            RangeRequested=f"{_PREFIX}{byte_range.first}-{byte_range.last}",
            ActualObjectSize=str(size_bytes),
        )


def _bounds(header: str) -> tuple[int | None, int | None] | None:
    """Both ends as written, a missing one None; None when it isn't one range of bytes."""
    text = header.strip(" \t")
    if text[: len(_PREFIX)].lower() != _PREFIX:
        return None
    before, dash, after = text[len(_PREFIX) :].strip(" \t").partition("-")
    if not dash or not (before or after):
        return None
    if not (_is_number(before) and _is_number(after)):
        return None
    first = int(before) if before else None
    last = int(after) if after else None
    if first is not None and last is not None and last < first:
        return None
    return first, last


def _is_number(text: str) -> bool:
    """Digits only, and no more of them than an object can need; empty counts."""
    return not text or (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX)
