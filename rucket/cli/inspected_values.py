"""Values from disk in a form that can be printed: no secret, no object's bytes, only sizes."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from rucket.model.encryption import decode_encryption_record
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.model.hlc import HlcTimestamp

_SIZE_ONLY = frozenset({"sealed_secret", "inline", "wrapped_key"})
_ENCRYPTION_RECORDS = frozenset({"encryption", "expected", "record"})
_STAMPS = frozenset({"hlc", "created_hlc", "initiated_hlc", "since_hlc"})
_MS_PER_S = 1000


def printable(value: object, name: str = "") -> Any:
    """`value` as JSON can hold it. Bytes become hexadecimal digits; those that are a secret or an
    object's become their size; records become their fields by name; stamps get their time.
    """
    match value:
        case bytes():
            return _printable_bytes(value, name)
        case int() if value and name in _STAMPS:
            return {"stamp": value, "time": time_of(value)}
        case msgspec.Struct():
            fields = {field: getattr(value, field) for field in value.__struct_fields__}
            return {field: printable(content, field) for field, content in fields.items()}
        case dict():
            return {str(key): printable(content, str(key)) for key, content in value.items()}
        case tuple() | list():
            return [printable(content, name) for content in value]
        case _:
            return value


def _printable_bytes(value: bytes, name: str) -> Any:
    if name in _ENCRYPTION_RECORDS:
        with contextlib.suppress(CorruptionError, UnknownFormatError):
            return printable(decode_encryption_record(value))
    is_hidden = name in _SIZE_ONLY or name in _ENCRYPTION_RECORDS
    return {"size_bytes": len(value)} if is_hidden else value.hex()


def time_of(hlc: int) -> str:
    """The wall-clock part of a stamp, RFC 3339; empty if no calendar has it."""
    try:
        moment = datetime.fromtimestamp(HlcTimestamp(hlc).physical_ms / _MS_PER_S, UTC)
    except (OverflowError, ValueError, OSError):
        return ""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def one_line(value: object) -> str:
    """`value`, printable, as JSON on one line."""
    return json.dumps(printable(value), ensure_ascii=False)
