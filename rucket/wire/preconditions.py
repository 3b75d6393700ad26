"""Conditional requests: whether a GET, HEAD or copy goes on.

::

    If-Match given      no match ──> FAILED
    else If-Unmodified-Since, changed since ──> FAILED
    If-None-Match given    match ──> NOT_MODIFIED (a copy: FAILED)
    else If-Modified-Since, unchanged since ──> NOT_MODIFIED (a copy: FAILED)
    otherwise ──> PROCEED

Times are compared in whole seconds, as ``Last-Modified`` is sent. An unreadable date is no
condition. S3's clients also send entity tags without quotes: they count as quoted. Conditions of a
PUT are only read here; ``rucket.state`` decides them in log order. Source: RFC 9110 §13, S3 API
Reference, "GetObject" and "CopyObject".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from rucket.wire.timestamps import parse_http_date

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECOND_MS = 1000
_COPY_SOURCE_PREFIX = "x-amz-copy-source-"


class Verdict(Enum):
    """What becomes of a conditional request."""

    PROCEED = "proceed"
    NOT_MODIFIED = "not modified"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class EntityTagList:
    """The value of ``If-Match`` or ``If-None-Match``.

    Args:
        is_any: ``*``, which any existing object matches.
        strong: opaque tags without their quotes.
        weak: those written ``W/"…"``; only ``If-None-Match`` looks at them.
    """

    is_any: bool
    strong: frozenset[str]
    weak: frozenset[str] = frozenset()

    def matches_strongly(self, etag: str) -> bool:
        """Whether an existing object's ``etag`` (without quotes) is listed, weak ones aside."""
        return self.is_any or etag in self.strong

    def matches_weakly(self, etag: str) -> bool:
        """Whether an existing object's ``etag`` (without quotes) is listed at all."""
        return self.is_any or etag in self.strong or etag in self.weak


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The conditions of one request; None where there is none. Times in milliseconds."""

    if_match: EntityTagList | None = None
    if_none_match: EntityTagList | None = None
    if_modified_since_ms: int | None = None
    if_unmodified_since_ms: int | None = None

    def evaluate(self, etag: str, last_modified_ms: int) -> Verdict:
        """Judge a GET or HEAD of an existing object.

        Args:
            etag: the object's, without quotes.
            last_modified_ms: the object's.
        """
        if not self._is_expected(etag, last_modified_ms):
            return Verdict.FAILED
        return Verdict.PROCEED if self._is_wanted(etag, last_modified_ms) else Verdict.NOT_MODIFIED

    def evaluate_copy(self, etag: str, last_modified_ms: int) -> Verdict:
        """Judge a copy from an existing object: PROCEED or FAILED."""
        verdict = self.evaluate(etag, last_modified_ms)
        return Verdict.FAILED if verdict is Verdict.NOT_MODIFIED else verdict

    def _is_expected(self, etag: str, last_modified_ms: int) -> bool:
        """The object is still the one the client means."""
        if self.if_match is not None:
            return self.if_match.matches_strongly(etag)
        since_ms = self.if_unmodified_since_ms
        return since_ms is None or last_modified_ms // _SECOND_MS <= since_ms // _SECOND_MS

    def _is_wanted(self, etag: str, last_modified_ms: int) -> bool:
        """The object isn't one the client has already."""
        if self.if_none_match is not None:
            return not self.if_none_match.matches_weakly(etag)
        since_ms = self.if_modified_since_ms
        return since_ms is None or last_modified_ms // _SECOND_MS > since_ms // _SECOND_MS


UNCONDITIONAL = Preconditions()


def parse_preconditions(headers: Mapping[str, str]) -> Preconditions:
    """The conditions on the object a request names; ``UNCONDITIONAL`` when there are none."""
    return _parse(headers, "")


def parse_copy_source_preconditions(headers: Mapping[str, str]) -> Preconditions:
    """The ``x-amz-copy-source-if-…`` conditions; ``UNCONDITIONAL`` when there are none."""
    return _parse(headers, _COPY_SOURCE_PREFIX)


def _parse(headers: Mapping[str, str], prefix: str) -> Preconditions:
    match = headers.get(f"{prefix}if-match")
    none_match = headers.get(f"{prefix}if-none-match")
    modified_since = headers.get(f"{prefix}if-modified-since")
    unmodified_since = headers.get(f"{prefix}if-unmodified-since")
    if match is None and none_match is None and modified_since is None and unmodified_since is None:
        return UNCONDITIONAL
    return Preconditions(
        if_match=None if match is None else parse_entity_tags(match),
        if_none_match=None if none_match is None else parse_entity_tags(none_match),
        if_modified_since_ms=None if modified_since is None else parse_http_date(modified_since),
        if_unmodified_since_ms=(
            None if unmodified_since is None else parse_http_date(unmodified_since)
        ),
    )


def parse_entity_tags(text: str) -> EntityTagList:
    """Read a list of entity tags, leniently: whatever isn't quoted ends at a comma."""
    if text.strip(" \t") == "*":
        return EntityTagList(is_any=True, strong=frozenset())
    strong: list[str] = []
    weak: list[str] = []
    position, end = 0, len(text)
    while position < end:
        if text[position] in " \t,":
            position += 1
            continue
        is_weak = text.startswith("W/", position)
        if is_weak:
            position += 2
        tag, position = _entity_tag(text, position)
        (weak if is_weak else strong).append(tag)
    return EntityTagList(is_any=False, strong=frozenset(strong), weak=frozenset(weak))


def _entity_tag(text: str, position: int) -> tuple[str, int]:
    """The tag that begins at ``position``, without quotes, and where to read on."""
    if text.startswith('"', position):
        closing = text.find('"', position + 1)
        if closing >= 0:
            return text[position + 1 : closing], closing + 1
    comma = text.find(",", position)
    stop = len(text) if comma < 0 else comma
    return text[position:stop].strip(" \t"), stop
