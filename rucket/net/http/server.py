"""Listens, counts connections, and sees to it that none takes for ever."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from rucket.net.http.connection import LINGER_S, Connection
from rucket.net.http.request_body import LargePieces
from rucket.net.http.response_head import DateHeader

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from rucket.net.http.limits import HttpLimits
    from rucket.net.http.request_head import RefusedHeadError
    from rucket.ports.asgi import Application, HeaderPairs
    from rucket.ports.clock import Clock

LOOK_INTERVAL_S: Final = 0.1
"""Time-outs strike that much late at the most."""

ACCEPTED_ON_TOP: Final = 256
"""How many connections above the limit are accepted, so that they can be answered."""

_BACKLOG = 1024

_logger = logging.getLogger(__name__)


class HttpServer:
    """Serves an application on one port.

    Args:
        application: what answers.
        render_refusal: makes headers and body of the answer to a head that isn't understood.
        limits: for clients.
        clock: for the date header.
    """

    def __init__(
        self,
        application: Application,
        render_refusal: Callable[[RefusedHeadError], tuple[HeaderPairs, bytes]],
        limits: HttpLimits,
        clock: Clock,
    ) -> None:
        self.application = application
        self.render_refusal = render_refusal
        self.limits = limits
        self.date = DateHeader(clock)
        self.large_pieces = LargePieces()
        # In the order in which they came.
        self._connections: dict[Connection, None] = {}
        self._on_top: dict[Connection, None] = {}
        self._listener: asyncio.Server | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._is_stopping = False
        self._all_gone = asyncio.Event()

    async def listen(
        self, host: str, port: int, tls: ssl.SSLContext | None = None
    ) -> tuple[str, int]:
        """Serves from now on; other processes may listen on the same port.

        Args:
            host: an address.
            port: 0 for any that is free.
            tls: for HTTPS.

        Returns:
            The address it listens on.

        Raises:
            OSError: it can't.
        """
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: Connection(self),
            host,
            port,
            backlog=_BACKLOG,
            reuse_port=True,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else self.limits.head_timeout_s,
            ssl_shutdown_timeout=None if tls is None else LINGER_S,
        )
        self._look()
        address = self._listener.sockets[0].getsockname()
        return address[0], address[1]

    async def stop(self, timeout_s: float) -> None:
        """Takes no more connections, finishes what is in flight, and ends the rest."""
        assert self._listener is not None, "it listens"
        self._listener.close()
        self._is_stopping = True
        for connection in list(self._connections):
            connection.stop()
        if self._connections:
            self._all_gone.clear()
            try:
                await asyncio.wait_for(self._all_gone.wait(), timeout_s)
            except TimeoutError:
                _logger.warning("%d requests were cut off", len(self._connections))
        for connection in list(self._connections):
            connection.abort()
        if self._watch is not None:
            self._watch.cancel()

    def opened(self, connection: Connection) -> bool:
        """A connection was made.

        Returns:
            Whether it may stay.
        """
        count = len(self._connections)
        if self._is_stopping or count >= self.limits.connection_count_max + ACCEPTED_ON_TOP:
            return False
        self._connections[connection] = None
        if count >= self.limits.connection_count_max:
            self._on_top[connection] = None
        return True

    def closed(self, connection: Connection) -> None:
        """A connection has ended; who has waited longest takes its place."""
        if connection not in self._connections:
            return
        del self._connections[connection]
        if connection in self._on_top:
            del self._on_top[connection]
        elif self._on_top:
            del self._on_top[next(iter(self._on_top))]
        if not self._connections:
            self._all_gone.set()

    def is_one_too_many(self, connection: Connection) -> bool:
        """Whether the limit on connections leaves no room for this one."""
        return connection in self._on_top

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self.date.renew()
        for connection in list(self._connections):
            connection.look(now_s)
        self._watch = loop.call_later(LOOK_INTERVAL_S, self._look)
