"""The query parameters that listings share. Source: S3 API Reference, "ListObjectsV2"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import InvalidArgument

if TYPE_CHECKING:
    from rucket.wire.request_target import QueryParameters

KEYS_MAX = 1000
_NUMBER_MAX = 2**31 - 1
_DIGITS_MAX = 10


def parse_limit(
    query: QueryParameters, name: str = "max-keys", *, default: int = KEYS_MAX, at_least: int = 0
) -> int:
    """How many entries the client wants, at most `default`.

    Raises:
        InvalidArgument: it isn't a number from `at_least` to 2,147,483,647.
    """
    text = query.single(name)
    if not text:
        return default
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _DIGITS_MAX:
        raise _invalid(name, text, "Provided {name} not an integer or within integer range")
    number = int(text)
    if not at_least <= number <= _NUMBER_MAX:
        message = f"Argument {{name}} must be an integer between {at_least} and {_NUMBER_MAX}"
        raise _invalid(name, text, message)
    return min(number, default)


def parse_url_encoding(query: QueryParameters) -> bool:
    """Whether keys are to be percent-encoded in the answer.

    Raises:
        InvalidArgument: another encoding is asked for.
    """
    encoding = query.single("encoding-type")
    if not encoding:
        return False
    if encoding.lower() != "url":
        raise _invalid("encoding-type", encoding, "Invalid Encoding Method specified in Request")
    return True


def _invalid(name: str, value: str, message: str) -> InvalidArgument:
    return InvalidArgument(message.format(name=name), ArgumentName=name, ArgumentValue=value)
