"""One HTTP request to a gateway process, through ASGI, over a network that takes its time.

The gateway may die at any moment: then the client has no answer, or the one that was on its way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rucket.ports.transport import ConnectionLostError

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from rucket.ports.asgi import Application, Message
    from tests.simulator.process import Process
    from tests.simulator.scheduler import Scheduler, SimulatedPromise

_DELAYS_S = (0.0001, 0.001, 0.01)
_PIECE_COUNT_MAX = 4


class AnswerBrokenOffError(ConnectionLostError):
    """The gateway closed the connection in the middle of an answer, or before it."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it is sent. Header names in lower case."""

    method: str
    raw_path: bytes
    raw_query: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response as it was received. Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """A gateway process that takes requests."""

    process: Process
    app: Application


async def exchange(gateway: RunningGateway, request: HttpRequest) -> HttpResponse:
    """Sends a request and awaits the response.

    Raises:
        ConnectionLostError: the gateway died; nobody knows what it has done before.
        AnswerBrokenOffError: it lives, but the answer isn't whole.
    """
    return await _Exchange(gateway, request).carry_out()


class _Exchange:
    """Both sides of one request."""

    def __init__(self, gateway: RunningGateway, request: HttpRequest) -> None:
        self._gateway = gateway
        self._request = request
        self._scheduler: Scheduler = gateway.process.scheduler
        self._random: random.Random = self._scheduler.random
        self._answered: SimulatedPromise[HttpResponse] = self._scheduler.promise(
            f"the answer to {request.method} {request.raw_path.decode()}"
        )
        self._gone = self._scheduler.promise("the client's leaving")
        self._pieces = self._cut(request.body)
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._is_complete = False

    def _cut(self, body: bytes) -> list[bytes]:
        count = self._random.randint(0, _PIECE_COUNT_MAX - 1)
        cuts = sorted(self._random.randint(0, len(body)) for _ in range(count))
        return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]

    async def carry_out(self) -> HttpResponse:
        """See `exchange`."""
        process = self._gateway.process
        if not process.alive:
            raise ConnectionLostError(f"{process.name} is dead")
        forget = process.at_end(self._break_off)
        self._scheduler.spawn(process, self._serve(), f"{self._request.method}")
        try:
            return await self._answered
        finally:
            forget()
            self._gone.set_result(None)

    async def _serve(self) -> None:
        await self._delay()
        await self._gateway.app(self._scope(), self._receive, self._send)
        if not self._is_complete:
            error = AnswerBrokenOffError(f"an answer of {self._gateway.process.name} broke off")
            self._later(lambda: self._answered.set_exception(error))

    def _scope(self) -> dict[str, Any]:
        request = self._request
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": request.raw_path.decode("latin-1"),
            "raw_path": request.raw_path,
            "query_string": request.raw_query,
            "root_path": "",
            "headers": [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in request.headers.items()
            ],
            "client": ("127.0.0.1", 40000),
            "server": ("127.0.0.1", 9000),
            "extensions": {},
            "state": {},
        }

    async def _receive(self) -> Message:
        self._gateway.process.check_alive()
        if not self._pieces:
            await self._gone
        if self._gone.done():
            return {"type": "http.disconnect"}
        await self._delay()
        piece = self._pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces)}

    async def _send(self, message: Message) -> None:
        self._gateway.process.check_alive()
        if message["type"] == "http.response.start":
            assert not self._status, "a response starts once"
            self._status = message["status"]
            self._headers = {
                _text(name).lower(): _text(value) for name, value in message["headers"]
            }
        elif message["type"] == "http.response.body":
            assert self._status, "the body comes after the start"
            assert not self._is_complete, "nothing comes after the end of the body"
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                self._complete()
        await self._delay()

    def _complete(self) -> None:
        self._is_complete = True
        response = HttpResponse(self._status, self._headers, bytes(self._body))
        self._later(lambda: self._answered.set_result(response))

    def _break_off(self) -> None:
        error = ConnectionLostError(f"{self._gateway.process.name} died")
        self._later(lambda: self._answered.set_exception(error))

    async def _delay(self) -> None:
        arrived = self._scheduler.promise("the network")
        self._later(lambda: arrived.set_result(None))
        await arrived

    def _later(self, call: Callable[[], None]) -> None:
        delay_s = self._random.choice(_DELAYS_S) * self._random.random()
        self._scheduler.call_later(delay_s, call)


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
