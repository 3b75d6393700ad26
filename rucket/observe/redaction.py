"""Keeps secrets out of the log: values under telling names, and telling pieces of text.

A net under the tightrope: code that logs does not hand over secrets in the first place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

STARS: Final = "***"

_TELLING_NAMES: Final = (
    "secret",
    "password",
    "passphrase",
    "authorization",
    "signature",
    "security_token",
    "sealing_key",
    "master_key",
    "previous_keys",
    "private_key",
)
_DEPTH_MAX: Final = 4

_HEADER_IN_TEXT = re.compile(r"(?i)(\bauthorization\b['\"]?\s*[:=]\s*['\"]?)[^'\"\r\n]+")
_PAIR_IN_TEXT = re.compile(
    r"(?i)((?:signature|security-token|secret[a-z_-]*|master[_-]key|password)['\"]?\s*[:=]\s*['\"]?)[^\s'\"&,;]+"
)


def redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Any:
    """A structlog processor: the event without secrets."""
    return {name: _redacted(name, value, depth=0) for name, value in event.items()}


def redact_text(text: str) -> str:
    """`text` without the values of authorization headers, signatures and secrets in it."""
    return _PAIR_IN_TEXT.sub(rf"\1{STARS}", _HEADER_IN_TEXT.sub(rf"\1{STARS}", text))


def _redacted(name: object, value: object, depth: int) -> object:
    plain_name = str(name).lower().replace("-", "_")
    if any(telling in plain_name for telling in _TELLING_NAMES):
        return STARS
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping() | list() | tuple() if depth == _DEPTH_MAX:
            return "…"
        case Mapping():
            return {key: _redacted(key, item, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [_redacted("", item, depth + 1) for item in value]
        case _:
            text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
            return redact_text(text)
