"""Connections that carry whole messages, as everything above this layer may know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MESSAGE_SIZE_BYTES_MAX = 64 * 1024 * 1024


class ConnectionLostError(Exception):
    """The other side is gone, or broke the framing. What was sent may or may not have arrived."""


class Connection(Protocol):
    """Both directions of a connection."""

    def send(self, message: bytes) -> None:
        """Sends one message, in order after those sent before.

        Raises:
            ConnectionLostError: the connection is known to be gone.
        """
        ...

    async def receive(self) -> list[bytes]:
        """The messages that have arrived, at least one, in order.

        Raises:
            ConnectionLostError: there will be no more.
        """
        ...

    def close(self) -> None:
        """Ends the connection. Closing twice is harmless."""
        ...


class Listener(Protocol):
    """Somewhere that connections come in."""

    def close(self) -> None:
        """Takes no more connections; those that are open stay."""
        ...


class Transport(Protocol):
    """Makes connections to named endpoints on this machine (later: to other members)."""

    async def connect(self, endpoint: str) -> Connection:
        """A new connection.

        Raises:
            ConnectionLostError: nobody listens there.
        """
        ...

    async def listen(
        self, endpoint: str, handler: Callable[[Connection], Awaitable[None]]
    ) -> Listener:
        """Runs `handler` as a task for every connection that comes in."""
        ...
