"""The `Transport` port on Unix sockets: messages between the processes of a node.

An endpoint is the path of a socket. Wire format: each message is a u32, little-endian, with the
length of what follows, then that many bytes.

Only processes of the same user (or root) are listened to, whatever the mode of the socket file.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rucket.ports.transport import MESSAGE_SIZE_BYTES_MAX, Connection, ConnectionLostError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LENGTH = struct.Struct("<I")
_PEER_CREDENTIALS = struct.Struct("3i")
_BACKLOG = 64
_RECEIVED_BYTES_MAX = 32 * 1024 * 1024
_UNSENT_BYTES_MAX = 256 * 1024 * 1024


class _FramedConnection(asyncio.Protocol):
    """Splits what arrives into messages, and gathers what is sent in one turn into one write."""

    def __init__(self, on_connected: Callable[[_FramedConnection], None] | None = None) -> None:
        self._on_connected = on_connected
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._partial = bytearray()
        self._received: deque[bytes] = deque()
        self._received_bytes = 0
        self._reading_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._unsent: list[bytes] = []
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods, but not the base class.
        self._transport = cast("asyncio.Transport", transport)
        if self._on_connected is not None:
            self._on_connected(self)

    def data_received(self, data: bytes) -> None:
        partial = self._partial
        partial += data
        start = 0
        while len(partial) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(partial, start)
            if length > MESSAGE_SIZE_BYTES_MAX:
                self.close()
                return
            end = start + _LENGTH.size + length
            if end > len(partial):
                break
            self._received.append(bytes(partial[start + _LENGTH.size : end]))
            self._received_bytes += length
            start = end
        if start:
            del partial[:start]
            self._wake()
        if self._received_bytes > _RECEIVED_BYTES_MAX and not self._reading_paused:
            assert self._transport is not None
            self._transport.pause_reading()
            self._reading_paused = True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._lost = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def send(self, message: bytes) -> None:
        """See `Connection.send`. A peer that reads nothing for long is cut off."""
        transport = self._transport
        if self._lost or transport is None or transport.is_closing():
            raise ConnectionLostError("the connection is closed")
        if transport.get_write_buffer_size() > _UNSENT_BYTES_MAX:
            self.close()
            raise ConnectionLostError("the other side has stopped reading")
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(_LENGTH.pack(len(message)))
        self._unsent.append(message)

    def _flush(self) -> None:
        if self._unsent and self._transport is not None:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()

    async def receive(self) -> list[bytes]:
        """See `Connection.receive`."""
        while not self._received:
            if self._lost:
                raise ConnectionLostError("the other side is gone")
            self._waiter = self._loop.create_future()
            await self._waiter
        messages = list(self._received)
        self._received.clear()
        self._received_bytes = 0
        if self._reading_paused and self._transport is not None:
            self._transport.resume_reading()
            self._reading_paused = False
        return messages

    def close(self) -> None:
        """See `Connection.close`."""
        if self._transport is not None:
            self._flush()
            self._transport.close()


class UnixSockets:
    """The `Transport` port."""

    def __init__(self) -> None:
        self._handlers: set[asyncio.Task[None]] = set()

    async def connect(self, endpoint: str) -> Connection:
        """See `Transport.connect`."""
        loop = asyncio.get_running_loop()
        with _ShortPath(endpoint) as path:
            try:
                _, connection = await loop.create_unix_connection(_FramedConnection, path)
            except OSError as error:
                raise ConnectionLostError(f"nobody listens at {endpoint}") from error
        return connection

    async def listen(
        self, endpoint: str, handler: Callable[[Connection], Awaitable[None]]
    ) -> asyncio.Server:
        """See `Transport.listen`. A socket file that a dead process has left is replaced."""
        loop = asyncio.get_running_loop()

        def connected(connection: _FramedConnection) -> None:
            if not _is_same_user(connection):
                connection.close()
                return
            task = loop.create_task(_handle(handler, connection))
            self._handlers.add(task)
            task.add_done_callback(self._handlers.discard)

        listening = _bind(endpoint)
        return await loop.create_unix_server(
            lambda: _FramedConnection(connected), sock=listening, backlog=_BACKLOG
        )


def _bind(endpoint: str) -> socket.socket:
    Path(endpoint).unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _ShortPath(endpoint) as path:
        listening.bind(path)
    Path(endpoint).chmod(0o600)
    return listening


async def _handle(
    handler: Callable[[Connection], Awaitable[None]], connection: _FramedConnection
) -> None:
    try:
        await handler(connection)
    except ConnectionLostError:
        pass
    finally:
        connection.close()


def _is_same_user(connection: _FramedConnection) -> bool:
    transport = connection._transport  # noqa: SLF001 - the same module
    assert transport is not None
    peer = transport.get_extra_info("socket").getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size
    )
    _, user_id, _ = _PEER_CREDENTIALS.unpack(peer)
    return user_id in (0, os.geteuid())


class _ShortPath:
    """The path of a socket by way of its directory's descriptor: a socket address has room for
    only 108 bytes, and data directories may be deep.
    """

    def __init__(self, path: str) -> None:
        self._directory, self._name = os.path.split(path)
        self._descriptor = -1

    def __enter__(self) -> str:
        self._descriptor = os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._descriptor}/{self._name}"

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
