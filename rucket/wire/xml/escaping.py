"""Text in XML. Source: XML 1.0 §2.2, §2.4.

Keys may hold characters that XML 1.0 can't carry. S3 writes them as character references all the
same, which strict parsers refuse: that is what ``encoding-type=url`` is for.
"""

from __future__ import annotations

import re

_UNSAFE = re.compile('[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}


_UNREPRESENTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def is_representable(text: str) -> bool:
    """Whether XML 1.0 can carry ``text``."""
    return _UNREPRESENTABLE.search(text) is None


def escape(text: str) -> str:
    """``text`` as the content of an element; the result can always be encoded as UTF-8."""
    return _UNSAFE.sub(_reference, text) if _UNSAFE.search(text) else text


def _reference(match: re.Match[str]) -> str:
    character = match.group()
    return _ENTITIES.get(character) or f"&#x{ord(character):X};"
