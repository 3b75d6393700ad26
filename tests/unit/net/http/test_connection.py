"""One connection, over a real socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rucket.net.http.connection import PARTIAL_PIECE_S
from rucket.net.http.limits import HttpLimits
from rucket.ports.asgi import ClientGoneError
from tests.unit.net.http.serving import (
    HOST,
    MIB,
    PATIENCE_S,
    Served,
    echo,
    put,
    read_all,
    reply,
    serve,
)

if TYPE_CHECKING:
    from rucket.ports.asgi import Receive, Scope, Send


class TestRequests:
    """What comes in."""

    def test_requests_of_one_connection_are_answered_in_order(self) -> None:
        """Even if they are all sent before the first answer."""

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                peer.send(put(b"/1", b"one") + b"GET /2?q HTTP/1.1\r\n" + HOST + b"\r\n")
                peer.send(put(b"/3", b"x" * 3 * MIB) + put(b"/4", b"four"))

                bodies = [(await peer.answer())[2] for _ in range(4)]

                assert bodies[:2] == [b"PUT /1? one", b"GET /2?q "]
                assert bodies[2] == b"PUT /3? " + b"x" * 3 * MIB
                assert bodies[3] == b"PUT /4? four"

        serve(scenario)

    @settings(max_examples=25, deadline=None)
    @given(cuts=st.lists(st.integers(1, 120), max_size=12))
    def test_it_does_not_matter_how_bytes_are_split(self, cuts: list[int]) -> None:
        """Heads and bodies are what they are, in however many segments."""
        wire = (
            put(b"/a", b"body")
            + b"\r\nPOST /b HTTP/1.1\r\n"
            + HOST
            + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                position = 0
                for cut in cuts:
                    peer.send(wire[position : position + cut])
                    position += cut
                    await peer.writer.drain()
                    await asyncio.sleep(0)
                peer.send(wire[position:])

                assert (await peer.answer())[2] == b"PUT /a? body"
                assert (await peer.answer())[2] == b"POST /b? abc"
                assert await peer.rest() == b"", "what follows chunks isn't looked at"

        serve(scenario)

    @settings(max_examples=25, deadline=None)
    @given(garbage=st.binary(min_size=1, max_size=300))
    def test_garbage_is_answered_or_hung_up_on(self, garbage: bytes) -> None:
        """And the server serves on."""

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                peer.send(garbage + b"\r\n\r\n")
                peer.writer.write_eof()
                answer = await peer.rest()
                assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
            async with served.peer() as peer:
                peer.send(put(b"/a", b"body"))
                assert (await peer.answer())[0] == 200

        serve(scenario)

    def test_a_head_that_is_not_understood_is_answered(self) -> None:
        """With the reason, and the connection ends."""

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                peer.send(b"GET / HTTP/1.1\r\n\r\n")

                status, headers, body = await peer.answer()

                assert (status, body) == (400, b"A request has one Host header.")
                assert headers[b"connection"] == b"close"
                assert await peer.rest() == b""

        serve(scenario)

    def test_a_path_comes_decoded_and_as_it_was_sent(self) -> None:
        """As ASGI has it: who routes by it wants the one, who verifies signatures the other."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            del receive
            await reply(send, scope["path"].encode() + b" " + scope["raw_path"])

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                for path, decoded in ((b"/a%40%C3%BC%2Fb", "/a@\u00fc/b"), (b"/a-b", "/a-b")):
                    peer.send(b"GET %s?x=%%40 HTTP/1.1\r\n" % path + HOST + b"\r\n")
                    assert (await peer.answer())[2] == decoded.encode() + b" " + path

        serve(scenario, application)

    def test_a_slow_body_is_handed_over_as_it_comes(self) -> None:
        """Who judges how slow is too slow has to see what there is."""
        pieces: list[bytes] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            del scope
            message = await receive()
            pieces.append(bytes(message["body"]))
            await read_all(receive)
            await reply(send, b"")

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                peer.send(put(b"/", b"")[:-5] + b"9\r\n\r\nabc")
                async with asyncio.timeout(PATIENCE_S):
                    while not pieces:
                        await asyncio.sleep(PARTIAL_PIECE_S / 4)
                peer.send(b"defghi")
                assert (await peer.answer())[0] == 200

        serve(scenario, application)
        assert pieces == [b"abc"]

    @pytest.mark.parametrize(
        "wire",
        [
            put(b"/", b"x" * 100)[:-1],
            b"PUT / HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n5\r\nab",
            b"PUT / HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        ],
        ids=["too-short", "chunk-too-short", "no-chunk"],
    )
    def test_a_body_that_breaks_off_is_seen_to(self, wire: bytes) -> None:
        """It is never taken for a whole one; who has only stopped sending gets an answer."""

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                peer.send(wire)
                peer.writer.write_eof()

                assert (await peer.answer())[2].endswith(b" broken off")

        serve(scenario)

    def test_who_waits_to_be_asked_is_asked_when_the_body_is_wanted(self) -> None:
        """Not before."""
        may_read = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await may_read.wait()
            await echo(scope, receive, send)

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                peer.send(
                    b"PUT / HTTP/1.1\r\n"
                    + HOST
                    + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n"
                )
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await peer.reader.read(1)
                may_read.set()
                async with asyncio.timeout(PATIENCE_S):
                    asked = await peer.reader.readuntil(b"\r\n\r\n")
                peer.send(b"ab")

                assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
                assert (await peer.answer())[2] == b"PUT /? ab"

        serve(scenario, application)


class TestAnswers:
    """What goes out."""

    def test_an_answer_has_a_date(self) -> None:
        """As RFC 9110 wants it."""

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                peer.send(put(b"/", b""))
                assert (await peer.answer())[1][b"date"].endswith(b" GMT")

        serve(scenario)

    def test_an_answer_to_head_has_no_body(self) -> None:
        """Though it says how long that would be."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            del scope, receive
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(b"content-length", b"77")],
                }
            )
            await send({"type": "http.response.body"})

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                for _ in range(2):
                    peer.send(b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n")
                    status, headers, _ = await peer.answer(has_body=False)
                    assert (status, headers[b"content-length"]) == (200, b"77")

        serve(scenario, application)

    @pytest.mark.parametrize("ending", [b"connection: close\r\n", b""])
    def test_a_connection_ends_when_the_client_wants_it(self, ending: bytes) -> None:
        """HTTP/1.0 ends by itself."""
        version = b"1.1" if ending else b"1.0"

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                peer.send(b"GET / HTTP/%s\r\n" % version + HOST + ending + b"\r\n")
                assert (await peer.answer())[1][b"connection"] == b"close"
                assert await peer.rest() == b""

        serve(scenario)

    def test_an_old_client_can_keep_its_connection(self) -> None:
        """It is told so."""

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                for _ in range(2):
                    peer.send(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
                    assert (await peer.answer())[1][b"connection"] == b"keep-alive"

        serve(scenario)

    @pytest.mark.parametrize("sent", [b"x" * 9, b"x" * 11])
    def test_an_answer_of_another_length_than_promised_breaks_off(
        self, sent: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        """So that no client takes it for whole, or the next one for a part of it."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            del scope, receive
            start = {"status": 200, "headers": [(b"content-length", b"10")]}
            await send({"type": "http.response.start", **start})
            await send({"type": "http.response.body", "body": sent, "more_body": False})

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                peer.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await peer.answer()

        serve(scenario, application)
        assert "isn't as long as it says" in caplog.text

    def test_no_header_can_smuggle_another_in(self, caplog: pytest.LogCaptureFixture) -> None:
        """A line end in a value breaks the answer off."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            del scope, receive
            await reply(send, b"", [(b"x-a", b"b\r\nset-cookie: c")])

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                peer.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await peer.answer()

        serve(scenario, application)
        assert "holds a line end" in caplog.text

    def test_a_client_that_leaves_is_noticed_while_it_is_sent_to(self) -> None:
        """The application learns it from `send`."""
        gone = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            del scope, receive
            headers = [(b"content-length", str(1024 * MIB).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            try:
                while True:
                    message = {"body": bytes(MIB), "more_body": True}
                    await send({"type": "http.response.body", **message})
            except ClientGoneError:
                gone.set()

        async def scenario(served: Served) -> None:
            async with served.peer() as peer:
                peer.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
                await peer.reader.readexactly(1000)
            async with asyncio.timeout(PATIENCE_S):
                await gone.wait()

        serve(scenario, application)

    def test_a_client_that_reads_nothing_is_not_waited_for(self) -> None:
        """Longer than the limit says."""
        gone = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            del scope, receive
            try:
                await reply(send, bytes(64 * MIB))
            except ClientGoneError:
                gone.set()

        async def scenario(served: Served) -> None:
            _, writer = await asyncio.open_connection(*served.address, limit=1)
            writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            async with asyncio.timeout(PATIENCE_S):
                await gone.wait()
            writer.close()

        limits = HttpLimits(8, 8192, head_timeout_s=10.0, send_timeout_s=0.3)
        serve(scenario, application, limits)
