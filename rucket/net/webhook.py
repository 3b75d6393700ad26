"""Events by HTTP: an `EventSink` that posts S3's notification JSON to a URL.

A message counts as taken when it is answered with a status of 2xx; redirects aren't followed. With
a secret, the header ``x-rucket-signature`` is ``sha256=`` and the HMAC-SHA256 of the body under it,
in hexadecimal.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rucket.model.errors import DeliveryFailedError
from rucket.net.s3_notification import notification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.state.events import Event

SIGNATURE_HEADER = "x-rucket-signature"
_ANSWER_SIZE_BYTES_MAX = 64 * 1024
_FAILURES = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where events are posted, and as whose.

    Attributes:
        url: http or https.
        secret: empty for no signature.
        timeout_s: how long connecting may take, and each wait for an answer.
        region, node_id: of the sender.
    """

    url: str = field(repr=False)  # it may hold a token
    secret: str = field(repr=False)
    timeout_s: float
    region: str
    node_id: str


class Webhook:
    """Posts events, over one connection that is kept. For one thread at a time."""

    def __init__(self, target: WebhookTarget) -> None:
        parts = urlsplit(target.url)
        self._target = target
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._host, self._port = parts.hostname or "", parts.port
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._connection: http.client.HTTPConnection | None = None

    def deliver(self, events: Sequence[Event]) -> None:
        """See `EventSink.deliver`."""
        body = notification(events, self._target.region, self._target.node_id)
        try:
            status = self._post(body)
        except _FAILURES as error:
            self.close()
            raise DeliveryFailedError(
                f"{self._host} can't be told: {type(error).__name__} {error}"
            ) from error
        if status // 100 != 2:  # noqa: PLR2004 - 2xx
            raise DeliveryFailedError(f"{self._host} answered with status {status}")

    def _post(self, body: bytes) -> int:
        connection = self._connection
        if connection is not None:
            # One that was kept may have been closed by the other side: that is no failure yet.
            with suppress(*_FAILURES):
                return self._post_over(connection, body)
            self.close()
        connection = self._connection = self._connect()
        return self._post_over(connection, body)

    def _connect(self) -> http.client.HTTPConnection:
        timeout_s = self._target.timeout_s
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=timeout_s, context=self._tls
        )

    def _post_over(self, connection: http.client.HTTPConnection, body: bytes) -> int:
        headers = {"content-type": "application/json", "user-agent": "rucket"}
        if self._target.secret:
            digest = hmac.new(self._target.secret.encode(), body, hashlib.sha256).hexdigest()
            headers[SIGNATURE_HEADER] = f"sha256={digest}"
        connection.request("POST", self._path, body, headers)
        answer = connection.getresponse()
        answer.read(_ANSWER_SIZE_BYTES_MAX)
        if not answer.isclosed():  # more than anybody has to say
            self.close()
        return answer.status

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
