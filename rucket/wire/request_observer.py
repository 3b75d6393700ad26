"""What becomes known of requests: for the access log, metrics and the error log."""

from __future__ import annotations

import logging
from typing import Protocol

import msgspec

_logger = logging.getLogger("rucket.wire")


class RequestReport(msgspec.Struct, frozen=True):
    """A request that is over. A Struct, because one is made for every request.

    Attributes:
        remote: the client's address.
        access_key_id: empty for anonymous requests, and where the signature was wrong.
        operation: S3's name of it (``PutObject``); ``Unknown`` where it didn't come to that.
        target: path and query as they came.
        error_code: S3's, empty if all went well; ``ClientDisconnected`` where the client left
            before it had the whole answer.
        request_bytes: of the body, framing included.
        response_bytes: of the body.
    """

    request_id: str
    remote: str
    access_key_id: str
    operation: str
    method: str
    target: str
    status: int
    error_code: str
    request_bytes: int
    response_bytes: int
    duration_s: float


class RequestObserver(Protocol):
    """Hears of requests. Its calls must neither block nor raise."""

    def finished(self, report: RequestReport) -> None:
        """A request is over."""
        ...

    def crashed(self, request_id: str, operation: str, error: Exception) -> None:
        """An operation raised what it shouldn't have; the client was told InternalError."""
        ...


class QuietObserver:
    """Keeps no record, but lets no crash go unlogged."""

    def finished(self, report: RequestReport) -> None:
        """Does nothing."""

    def crashed(self, request_id: str, operation: str, error: Exception) -> None:
        """Logs the traceback."""
        _logger.error("%s failed, request id %s", operation, request_id, exc_info=error)
