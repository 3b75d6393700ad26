"""The head of a request: where it ends, what it says, and which heads aren't understood.

Parsed by llhttp (in httptools) without its leniencies, so that no two readings of a request are
possible where something else stands between the client and us. Source: RFC 9112 §2 to §7.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import httptools
import msgspec

_HTTP_1_0 = "1.0"
_VERSIONS = frozenset({_HTTP_1_0, "1.1"})
_CONTINUE = b"100-continue"
_NOTHING = b"0"


class RefusedHeadError(Exception):
    """This head isn't answered by the application.

    Attributes:
        status: what the client is told.
        reason: a sentence for it.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status: Final = status
        self.reason: Final = reason


class RequestHead(msgspec.Struct, frozen=True):
    """What the head of a request says. A Struct, because one is made for every request.

    Attributes:
        target: path and query, as they came.
        headers: names in lower case, in order.
        content_length: of the body; 0 if there is none, or if it comes in chunks.
        keeps_alive: whether the client wants to go on using its connection.
        awaits_continue: whether it sends the body when asked to.
    """

    method: str
    target: bytes
    http_version: str
    headers: list[tuple[bytes, bytes]]
    content_length: int
    is_chunked: bool
    keeps_alive: bool
    awaits_continue: bool

    @property
    def has_body(self) -> bool:
        """Whether something may follow that isn't the next request."""
        return self.is_chunked or self.content_length > 0

    @property
    def is_http_1_0(self) -> bool:
        """Whether the client has to be told that its connection is kept."""
        return self.http_version == _HTTP_1_0


def parse_request_head(data: bytes) -> RequestHead:
    """Reads a head.

    Args:
        data: from the request line to the empty line, inclusive, and nothing after it.

    Raises:
        RefusedHeadError: it isn't one, or it asks for what isn't done here.
    """
    reader = _HeadReader()
    try:
        reader.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass  # nobody has to accept an upgrade: the request is answered as it stands
    except httptools.HttpParserInvalidMethodError as error:
        raise RefusedHeadError(
            HTTPStatus.NOT_IMPLEMENTED, "The method of the request is not known."
        ) from error
    except httptools.HttpParserError as error:
        raise RefusedHeadError(HTTPStatus.BAD_REQUEST, f"{error}.") from error
    return reader.head()


class _HeadReader:
    """Takes what the parser finds."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._http_version = ""
        self._keeps_alive = False

    def on_url(self, target: bytes) -> None:
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        # Asked later, the parser may have forgotten.
        self._http_version = self.parser.get_http_version()
        self._keeps_alive = self.parser.should_keep_alive()

    def head(self) -> RequestHead:
        """What was found."""
        version = self._http_version
        if version not in _VERSIONS:
            raise RefusedHeadError(
                HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "This server speaks HTTP/1.1 and HTTP/1.0."
            )
        content_length, is_chunked, awaits_continue, host_count = 0, False, False, 0
        for name, value in self._headers:
            if name == b"host":
                host_count += 1
            elif name == b"content-length":
                content_length = int(value)
            elif name == b"transfer-encoding":
                is_chunked = _is_chunked(value)
            elif name == b"expect":
                awaits_continue = value.lower() == _CONTINUE and version != _HTTP_1_0
        if host_count > 1 or (host_count == 0 and version != _HTTP_1_0):
            raise RefusedHeadError(HTTPStatus.BAD_REQUEST, "A request has one Host header.")
        return RequestHead(
            method=self.parser.get_method().decode("ascii"),
            target=_origin_form(self._target),
            http_version=version,
            headers=self._headers,
            content_length=content_length,
            is_chunked=is_chunked,
            keeps_alive=self._keeps_alive,
            awaits_continue=awaits_continue,
        )


def _is_chunked(coding: bytes) -> bool:
    if coding.lower() != b"chunked":
        raise RefusedHeadError(
            HTTPStatus.NOT_IMPLEMENTED, "No transfer coding but chunked is understood."
        )
    return True


def _origin_form(target: bytes) -> bytes:
    """Path and query; of an absolute URL, as proxies are sent, those parts of it."""
    if target.startswith(b"/") or target == b"*":
        return target
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError as error:
        raise RefusedHeadError(HTTPStatus.BAD_REQUEST, "The target is not a URL.") from error
    if not url.schema or not url.host:
        raise RefusedHeadError(HTTPStatus.BAD_REQUEST, "The target is not a path.")
    path: bytes = url.path or b"/"
    return path + b"?" + url.query if url.query else path
