"""The HTTP server, over real sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from rucket.net.http.limits import HttpLimits
from rucket.ports.asgi import IS_ONE_TOO_MANY
from tests.unit.net.http.serving import (
    HOST,
    MIB,
    PATIENCE_S,
    Peer,
    Served,
    echo,
    put,
    reply,
    serve,
)

if TYPE_CHECKING:
    from rucket.ports.asgi import Receive, Scope, Send


class TestConnections:
    """How many there are, and how they end."""

    def test_the_last_to_come_are_too_many(self) -> None:
        """Until somebody leaves: then who has waited longest is in."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            del receive
            await reply(send, b"too many" if scope[IS_ONE_TOO_MANY] else b"served")

        async def ask(peer: Peer) -> bytes:
            peer.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            return (await peer.answer())[2]

        async def scenario(served: Served) -> None:
            async with served.peer() as second, served.peer() as third:
                async with served.peer() as first:
                    assert await ask(second) == b"served"
                    assert await ask(third) == b"served"
                    assert await ask(first) == b"too many"
                second.writer.close()
                async with served.peer() as fourth, asyncio.timeout(PATIENCE_S):
                    while await ask(fourth) != b"served":
                        await asyncio.sleep(0.01)
                    assert await ask(third) == b"served"

        limits = HttpLimits(2, 8192, head_timeout_s=10.0, send_timeout_s=10.0)
        serve(scenario, application, limits)

    def test_stopping_waits_for_what_is_in_flight(self) -> None:
        """That is answered, and told that it was the last; idle connections end at once."""
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            begun.set()
            await may_end.wait()
            await echo(scope, receive, send)

        async def scenario(served: Served) -> None:
            async with served.peer() as busy, served.peer() as idle:
                busy.send(put(b"/", b"x"))
                await begun.wait()
                stopping = asyncio.ensure_future(served.server.stop(PATIENCE_S))
                assert await idle.rest() == b""
                assert not stopping.done()
                may_end.set()

                status, headers, _ = await busy.answer()
                assert (status, headers[b"connection"]) == (200, b"close")
                assert await busy.rest() == b""
                busy.writer.close()
                await stopping

        serve(scenario, application)

    def test_stopping_does_not_wait_for_ever(self, caplog: pytest.LogCaptureFixture) -> None:
        """What takes longer is cut off."""
        begun = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            del scope, receive, send
            begun.set()
            await asyncio.get_running_loop().create_future()

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                peer.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
                await begun.wait()
                await served.server.stop(0.1)
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await peer.answer()

        serve(scenario, application)
        assert "1 requests were cut off" in caplog.text

    def test_a_body_that_nobody_read_ends_the_connection_gently(self) -> None:
        """The client gets its answer, though it is still sending."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            del scope, receive
            await reply(send, b"no")

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                peer.send(put(b"/", b"x" * 8 * MIB))
                assert (await peer.answer())[2] == b"no"

        serve(scenario, application)
