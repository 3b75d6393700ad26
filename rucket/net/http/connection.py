"""One connection: requests come in one after the other, and so do their answers.

::

    WAITING ── head is whole ──> ANSWERING ── answer sent, body read ──> WAITING
       │ refused, not understood     │ last answer, or body left unread
       └──────────> ENDING <─────────┘

ENDING: what still comes in is thrown away for a while, so that the client gets to read its answer.
Bytes are read while somebody wants them: the next head, or the next piece of a body. Requests sent
ahead wait in `_pending`, which is bounded. Source: RFC 9112 §9.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from urllib.parse import unquote

from rucket.net.http.request_body import (
    ChunkedBody,
    IncomingBody,
    MalformedBodyError,
    NoIncomingBody,
    SizedBody,
)
from rucket.net.http.request_head import RefusedHeadError, RequestHead, parse_request_head
from rucket.net.http.response_head import CLOSE, CONTINUE, KEEP_ALIVE, render_response_head
from rucket.ports.asgi import IS_ONE_TOO_MANY, ClientGoneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.net.http.limits import HttpLimits
    from rucket.net.http.request_body import LargePieces
    from rucket.net.http.response_head import DateHeader
    from rucket.ports.asgi import Application, HeaderPairs, Message, Scope

LINGER_S: Final = 2.0
"""How long a connection that ends is still read from."""

PARTIAL_PIECE_S: Final = 0.2
"""A piece of a body isn't waited for longer than this, roughly, once a part of it is there."""

_READ_BYTES = 64 * 1024
_HEAD_END = b"\r\n\r\n"
_NEVER_S = float("inf")
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_NO_BODY = NoIncomingBody()

_logger = logging.getLogger(__name__)


class ConnectionOwner(Protocol):
    """What connections have in common, and who has to hear of them."""

    application: Application
    render_refusal: Callable[[RefusedHeadError], tuple[HeaderPairs, bytes]]
    limits: HttpLimits
    large_pieces: LargePieces
    date: DateHeader

    def opened(self, connection: Connection) -> bool:
        """A connection was made; whether it may stay."""
        ...

    def closed(self, connection: Connection) -> None:
        """A connection has ended."""
        ...

    def is_one_too_many(self, connection: Connection) -> bool:
        """Whether the limit on connections leaves no room for this one."""
        ...


class Connection(asyncio.BufferedProtocol):
    """Serves one client.

    Args:
        owner: whose it is.
    """

    # Filled by the kernel and emptied before anything else happens, so one serves all.
    _shared = bytearray(_READ_BYTES)
    _shared_view = memoryview(_shared)

    def __init__(self, owner: ConnectionOwner) -> None:
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None]
        self._pending = bytearray()
        self._searched_bytes = 0
        self._body: IncomingBody = _NO_BODY
        self._head: RequestHead | None = None
        self._input: asyncio.Future[None] | None = None  # somebody waits for bytes
        self._output: asyncio.Future[None] | None = None  # somebody waits for room
        self._client: tuple[str, int] | None = None
        self._scheme = "http"
        self._is_reading = True
        self._is_writable = True
        self._is_gone = False
        self._is_at_eof = False
        self._is_ending = False
        self._keeps_alive = True
        self._must_ask = False
        self._was_ended_read = False
        self._response: _Response | None = None
        self._deadline_s = _NEVER_S
        self._partial_since_s = _NEVER_S
        self._stalled_since_s = _NEVER_S
        self._unsent_bytes = 0

    # --- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client has connected (and shaken hands)."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclasses
        peer = transport.get_extra_info("peername")
        self._client = (peer[0], peer[1]) if isinstance(peer, tuple) else None
        if transport.get_extra_info("sslcontext") is not None:
            self._scheme = "https"
        if not self._owner.opened(self):
            self._is_gone = True
            self._transport.abort()
            return
        self._task = self._loop.create_task(self._serve())

    def connection_lost(self, exc: Exception | None) -> None:
        """It is no more."""
        del exc
        self._is_gone = True
        self._owner.closed(self)
        self._wake()
        _settle(self._output)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes belong."""
        del sizehint
        return self._shared_view if (body := self._body_to_fill()) is None else body.space()

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes have come in there."""
        if (body := self._body_to_fill()) is not None:
            body.advance(nbytes)
            if body.is_ready:
                self._stop_reading_body()
                self._wake()
            return
        if self._is_ending:
            return
        self._pending += self._shared_view[:nbytes]
        if len(self._pending) > self._owner.limits.head_size_bytes_max + _READ_BYTES:
            self._read(wanted=False)
        self._wake()

    def _body_to_fill(self) -> SizedBody | None:
        """The one whose next bytes come in next, if they go straight to where they belong."""
        body = self._body
        if isinstance(body, SizedBody) and not body.is_ready and not self._pending:
            return body
        return None

    def eof_received(self) -> bool:
        """The client sends no more. It may still want its answer."""
        self._is_at_eof = True
        self._wake()
        return self._scheme == "http" and not self._is_ending

    def pause_writing(self) -> None:
        """The client doesn't read as fast as we write."""
        self._is_writable = False

    def resume_writing(self) -> None:
        """It has caught up."""
        self._is_writable = True
        _settle(self._output)

    # --- what the server calls

    def stop(self) -> None:
        """Ends when the present request is answered; at once where there is none."""
        self._keeps_alive = False
        if self._head is None and not self._pending:
            self._transport.close()

    def abort(self) -> None:
        """Ends now."""
        self._transport.abort()

    def look(self, now_s: float) -> None:
        """Does what has become due."""
        if now_s >= self._deadline_s:
            self._transport.abort() if self._is_ending else self._transport.close()
        if self._output is not None:
            unsent_bytes = self._transport.get_write_buffer_size()
            if unsent_bytes != self._unsent_bytes:
                self._unsent_bytes, self._stalled_since_s = unsent_bytes, now_s
            elif now_s - self._stalled_since_s > self._owner.limits.send_timeout_s:
                self._transport.abort()
        if self._input is not None and self._body.has_some:
            if self._partial_since_s == _NEVER_S:
                self._partial_since_s = now_s
            elif now_s - self._partial_since_s >= PARTIAL_PIECE_S:
                self._wake()

    # --- requests

    async def _serve(self) -> None:
        try:
            while self._keeps_alive:
                data = await self._next_head()
                if data is None:
                    break
                await self._answer(parse_request_head(data))
        except RefusedHeadError as error:
            self._refuse(error)
        except ClientGoneError:
            return
        except Exception:
            _logger.exception("a connection ends by a defect")
            self._transport.abort()
        else:
            self._end()

    async def _next_head(self) -> bytes | None:
        """The next head; None if there won't be one."""
        timeout_s = self._owner.limits.head_timeout_s
        self._deadline_s = self._loop.time() + timeout_s
        has_begun = False
        while (data := self._cut_head()) is None:
            if self._is_gone or self._is_at_eof:
                return None
            if self._pending and not has_begun:
                has_begun = True
                self._deadline_s = self._loop.time() + timeout_s
            await self._wait_for_input()
        self._deadline_s = _NEVER_S
        return data

    def _cut_head(self) -> bytes | None:
        pending = self._pending
        while pending.startswith(b"\r\n"):  # RFC 9112 §2.2
            del pending[:2]
        end = pending.find(_HEAD_END, max(0, self._searched_bytes - len(_HEAD_END)))
        size_bytes = len(pending) if end < 0 else end + len(_HEAD_END)
        if size_bytes > self._owner.limits.head_size_bytes_max:
            raise RefusedHeadError(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too large."
            )
        if end < 0:
            self._searched_bytes = size_bytes
            return None
        self._searched_bytes = 0
        data = bytes(pending[:size_bytes])
        del pending[:size_bytes]
        return data

    async def _answer(self, head: RequestHead) -> None:
        self._head = head
        self._keeps_alive = self._keeps_alive and head.keeps_alive
        self._must_ask = head.awaits_continue
        self._was_ended_read = False
        self._response = response = _Response(is_head=head.method == "HEAD")
        if head.has_body:
            self._begin_body(head)
        await self._owner.application(self._scope(head), self._receive, self._send)
        if not response.is_complete:
            raise RuntimeError("the application hasn't answered")
        self._head = None
        self._response = None
        if not self._body.has_ended:
            self._keeps_alive = False
        self._body.discard()
        self._body = _NO_BODY
        if self._keeps_alive:
            self._read(wanted=True)

    def _scope(self, head: RequestHead) -> Scope:
        path, _, query = head.target.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": head.http_version,
            "method": head.method,
            "scheme": self._scheme,
            "path": unquote(path.decode("ascii", "replace")) if b"%" in path else path.decode(),
            "raw_path": path,
            "root_path": "",
            "query_string": query,
            "headers": head.headers,
            "client": self._client,
            IS_ONE_TOO_MANY: self._owner.is_one_too_many(self),
        }

    # --- the body

    def _begin_body(self, head: RequestHead) -> None:
        if head.is_chunked:
            self._body = ChunkedBody()
            self._keeps_alive = False
        else:
            self._body = SizedBody(head.content_length, self._owner.large_pieces)
            self._body.feed(self._pending)
        # Nobody has said yet that it is wanted.
        self._stop_reading_body()

    def _stop_reading_body(self) -> None:
        if not self._body.has_ended:
            self._read(wanted=False)

    async def _receive(self) -> Message:
        if self._was_ended_read:
            while not (self._is_gone or self._is_at_eof):
                await self._wait_for_input()
            return {"type": "http.disconnect"}
        body = self._body
        self._partial_since_s = _NEVER_S
        try:
            body.feed(self._pending)
            while not body.is_ready:
                if body.has_some and self._loop.time() - self._partial_since_s >= PARTIAL_PIECE_S:
                    break
                if self._is_gone or self._is_at_eof:
                    return self._broken_off()
                self._ask_for_body()
                self._read(wanted=True)
                await self._wait_for_input()
                body.feed(self._pending)
        except MalformedBodyError:
            return self._broken_off()
        piece = body.take()
        self._was_ended_read = body.has_ended
        return {"type": "http.request", "body": piece, "more_body": not body.has_ended}

    def _ask_for_body(self) -> None:
        if self._must_ask:
            self._must_ask = False
            if not self._body.has_some:
                self._transport.write(CONTINUE)

    def _broken_off(self) -> Message:
        self._was_ended_read = True
        self._keeps_alive = False
        return {"type": "http.disconnect"}

    # --- the response

    async def _send(self, message: Message) -> None:
        response = self._response
        assert response is not None, "an answer comes before the application returns"
        if self._is_gone:
            response.is_complete = True
            raise ClientGoneError("the client has left")
        if message["type"] == "http.response.start":
            response.begin(message["status"], list(message["headers"]))
            return
        body: bytes = message.get("body", b"")
        head = b"" if response.is_head_sent else self._response_head(response)
        response.count(len(body), more=message.get("more_body", False))
        if head:
            self._transport.writelines([head, body] if body else [head])
        elif body:
            self._transport.write(body)
        if not self._is_writable:
            await self._wait_for_room()

    def _response_head(self, response: _Response) -> bytes:
        assert self._head is not None
        headers = response.headers
        if CLOSE in headers:
            self._keeps_alive = False
        elif not self._keeps_alive:
            headers.append(CLOSE)
        elif self._head.is_http_1_0:
            headers.append(KEEP_ALIVE)
        response.is_head_sent = True
        return render_response_head(response.status, headers, self._owner.date.line)

    async def _wait_for_room(self) -> None:
        self._output = self._loop.create_future()
        self._unsent_bytes, self._stalled_since_s = -1, self._loop.time()
        try:
            await self._output
        finally:
            self._output = None
        if self._is_gone:
            raise ClientGoneError("the client has left")

    # --- the end

    def _refuse(self, error: RefusedHeadError) -> None:
        """Answers what isn't understood, and ends."""
        headers, body = self._owner.render_refusal(error)
        headers += [(b"content-length", b"%d" % len(body)), CLOSE]
        head = render_response_head(error.status, headers, self._owner.date.line)
        if not self._is_gone:
            self._transport.writelines([head, body])
        self._end()

    def _end(self) -> None:
        """Ends as gently as the client lets us: closing with bytes unread resets the connection,
        and the client may lose its answer.
        """
        if self._is_gone:
            return
        self._is_ending = True
        self._body.discard()
        self._body = _NO_BODY
        self._pending.clear()
        if self._is_at_eof or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.write_eof()
        self._deadline_s = self._loop.time() + LINGER_S
        self._read(wanted=True)

    # --- waiting

    def _read(self, *, wanted: bool) -> None:
        if wanted == self._is_reading or self._is_gone:
            return
        self._is_reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    async def _wait_for_input(self) -> None:
        self._input = self._loop.create_future()
        try:
            await self._input
        finally:
            self._input = None

    def _wake(self) -> None:
        _settle(self._input)


class _Response:
    """How far an answer has come; stops an application that breaks its own promises.

    Attributes:
        is_complete: whether nothing is missing.
    """

    __slots__ = ("_is_head", "_left_bytes", "headers", "is_complete", "is_head_sent", "status")

    def __init__(self, *, is_head: bool) -> None:
        self._is_head = is_head
        self._left_bytes = 0
        self.headers: HeaderPairs = []
        self.is_complete = False
        self.is_head_sent = False
        self.status = 0

    def begin(self, status: int, headers: HeaderPairs) -> None:
        """Takes the head. Raises RuntimeError if it doesn't say how long the body will be."""
        self.status, self.headers = status, headers
        if self._is_head or status in _WITHOUT_BODY:
            return
        for name, value in headers:
            if name == b"content-length":
                self._left_bytes = int(value)
                return
        raise RuntimeError("an answer without a content length")

    def count(self, size_bytes: int, *, more: bool) -> None:
        """Takes note of a piece. Raises RuntimeError if there is too much or too little."""
        self._left_bytes -= size_bytes
        if self._left_bytes < 0 or (not more and self._left_bytes > 0):
            raise RuntimeError("an answer that isn't as long as it says")
        self.is_complete = not more


def _settle(future: asyncio.Future[Any] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
