"""One request and its response, on their way through the application.

Knows ASGI and nothing of S3: what has to be done so that a client gets its answer whole, or learns
that it isn't whole, and so that nothing goes on working for a client who has left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.ports.asgi import IS_ONE_TOO_MANY
from rucket.wire.body import IncomingBytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rucket.ports.asgi import Receive, Scope, Send
    from rucket.ports.tasks import Tasks
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Response

DISCARDED_BYTES_MAX = 16 * 1024 * 1024
"""How much of a body is read before an early answer, so that the client comes to reading it."""

DISCARDING_S_MAX = 5.0

_PIECES_PER_TURN = 8
_WITHOUT_CONTENT_LENGTH = frozenset({204, 304})
_SERVER = (b"server", b"Rucket")
_CLOSE = (b"connection", b"close")


class Exchange:
    """One request and its response.

    Attributes:
        operation, access_key_id, error_code, status: what becomes known, for the report.
        response_bytes: of the body, as far as it was sent.
        discarded_bytes_max: how much that nobody wants is read for this client's sake.
        is_admitted: whether it counts as a request in flight.
        closes_connection: whether this is the last answer on its connection.
    """

    def __init__(self, gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> None:
        self._tasks: Tasks = gateway.tasks
        self._send = send
        self.scope = scope
        self.method: str = scope["method"]
        self.scheme: str = scope["scheme"]
        self.raw_path: bytes = scope["raw_path"]
        self.raw_query: bytes = scope["query_string"]
        self.headers = _headers(scope["headers"])
        self.incoming = IncomingBytes(
            receive, self.headers, gateway.tasks, gateway.clock, gateway.settings
        )
        self.request_id = gateway.random.token_bytes(8).hex().upper()
        self.operation = "Unknown"
        self.access_key_id = ""
        self.error_code = ""
        self.status = 0
        self.response_bytes = 0
        self.discarded_bytes_max = DISCARDED_BYTES_MAX
        self.is_admitted = False
        self.closes_connection: bool = scope.get(IS_ONE_TOO_MANY, False)

    @property
    def target(self) -> str:
        """Path and query as they came, for logs."""
        raw = self.raw_path + b"?" + self.raw_query if self.raw_query else self.raw_path
        return raw.decode("latin-1")

    @property
    def remote(self) -> str:
        """The client's address."""
        client = self.scope.get("client")
        return f"{client[0]}:{client[1]}" if client else ""

    async def respond(self, response: S3Response, host_id: str) -> None:
        """Sends the response.

        Raises:
            ClientGoneError: the client didn't wait for all of it.
            Exception: what the iterator of the body raised; the client sees a broken connection,
                since the headers have promised more bytes.
        """
        self.status = response.status
        headers = [(name.encode(), _header_value(value)) for name, value in response.headers]
        headers += (
            (b"x-amz-request-id", self.request_id.encode()),
            (b"x-amz-id-2", host_id.encode()),
            _SERVER,
        )
        body = response.body
        if isinstance(body, bytes):
            await self._send_bytes(response.status, headers, body)
        else:
            await self._stream(response.status, headers, body)

    async def _send_bytes(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> None:
        if status not in _WITHOUT_CONTENT_LENGTH and not any(
            name == b"content-length" for name, _ in headers
        ):
            headers.append((b"content-length", str(len(body)).encode()))
        if self.method == "HEAD":
            body = b""
        await self._discard_rest()
        if self.closes_connection or not self.incoming.has_ended:
            headers.append(_CLOSE)
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})
        self.response_bytes = len(body)

    async def _discard_rest(self) -> None:
        """Reads what the client is still sending, if that isn't much.

        The HTTP server closes the connection once it has answered and something is left unread; a
        client that is sending then may never get to see the answer.
        """
        if not self.incoming.is_left_unread:
            return
        try:
            await self._tasks.within(
                DISCARDING_S_MAX, self.incoming.discard(self.discarded_bytes_max)
            )
        except TimeoutError:
            return

    async def _stream(
        self,
        status: int,
        headers: list[tuple[bytes, bytes]],
        pieces: AsyncIterator[bytes],
    ) -> None:
        count = 0
        try:
            await self._send({"type": "http.response.start", "status": status, "headers": headers})
            async for piece in pieces:
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
                self.response_bytes += len(piece)
                count += 1
                if count % _PIECES_PER_TURN == 0:
                    await self._tasks.sleep(0)  # or a quick client would keep others waiting
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await close_pieces(pieces)


async def close_pieces(pieces: AsyncIterator[bytes]) -> None:
    """Ends an iterator, so that it gives back what it holds."""
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()


def _headers(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names; the values of a repeated one joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _header_value(value: str) -> bytes:
    """One byte a character where possible, as the headers came in."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()
