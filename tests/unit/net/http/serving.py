"""A server on a loop of its own, and clients that see bytes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import uvloop

from rucket.net.http.limits import HttpLimits
from rucket.net.http.server import HttpServer
from rucket.runtime.system import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from rucket.net.http.request_head import RefusedHeadError
    from rucket.ports.asgi import Application, HeaderPairs, Receive, Scope, Send

MIB = 1024 * 1024
HOST = b"host: x\r\n"
LIMITS = HttpLimits(
    connection_count_max=8,
    head_size_bytes_max=8 * 1024,
    head_timeout_s=10.0,
    send_timeout_s=10.0,
)
PATIENCE_S = 20.0


class Peer:
    """A client that sees bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        """Sends these bytes."""
        self.writer.write(data)

    async def answer(self, *, has_body: bool = True) -> tuple[int, dict[bytes, bytes], bytes]:
        """The next answer: status, headers, body."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            line, *rest = head[:-4].split(b"\r\n")
            headers = dict(header.split(b": ", 1) for header in rest)
            size = int(headers.get(b"content-length", b"0"))
            body = await self.reader.readexactly(size) if has_body else b""
            return int(line.split()[1]), headers, body

    async def rest(self) -> bytes:
        """Everything until the connection ends."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read()


class Served:
    """A server, and the ways to it."""

    def __init__(self, server: HttpServer, address: tuple[str, int]) -> None:
        self.server = server
        self.address = address

    @asynccontextmanager
    async def peer(self) -> AsyncIterator[Peer]:
        """A connection."""
        reader, writer = await asyncio.open_connection(*self.address, limit=4 * MIB)
        try:
            yield Peer(reader, writer)
        finally:
            writer.close()


async def read_all(receive: Receive) -> bytes | None:
    """A whole body; None if it broke off."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += bytes(message["body"])
        if not message["more_body"]:
            return body


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with method, target and body."""
    body = await read_all(receive)
    text = scope["method"].encode() + b" " + scope["raw_path"] + b"?" + scope["query_string"]
    await reply(send, text + b" " + (b"broken off" if body is None else body))


async def reply(send: Send, body: bytes, headers: HeaderPairs | None = None) -> None:
    """Answers with these bytes."""
    pairs = [(b"content-length", str(len(body)).encode()), *(headers or [])]
    await send({"type": "http.response.start", "status": 200, "headers": pairs})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def refuse(error: RefusedHeadError) -> tuple[HeaderPairs, bytes]:
    """The body says why."""
    return [], error.reason.encode()


def serve(
    scenario: Callable[[Served], Awaitable[None]],
    application: Application = echo,
    limits: HttpLimits = LIMITS,
) -> None:
    """Runs a scenario against a server."""

    async def run() -> None:
        server = HttpServer(application, refuse, limits, SystemClock())
        address = await server.listen("127.0.0.1", 0)
        try:
            async with asyncio.timeout(3 * PATIENCE_S):
                await scenario(Served(server, address))
        finally:
            await server.stop(1.0)

    run_on_uvloop(run())


def run_on_uvloop(coroutine: Coroutine[None, None, None]) -> None:
    """Runs it as a gateway would."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(coroutine)


def put(path: bytes, body: bytes, more: bytes = b"") -> bytes:
    """A PUT as it goes over the wire."""
    return (
        b"PUT %s HTTP/1.1\r\n" % path
        + HOST
        + more
        + b"content-length: %d\r\n\r\n" % len(body)
        + body
    )
