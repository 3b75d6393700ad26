"""The `Transport` port, simulated: connections between processes, with delays and breaks.

Messages of one direction arrive in order. When a process dies, its connections break: of what was
on its way in either direction some messages, from the front, still arrive, and the rest is lost.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from rucket.ports.transport import MESSAGE_SIZE_BYTES_MAX, ConnectionLostError

if TYPE_CHECKING:
    from tests.simulator.process import Process
    from tests.simulator.scheduler import Scheduler, SimulatedPromise

_DELAYS_S = (0.00005, 0.0005, 0.005, 0.1)

Handler = Callable[["SimulatedConnection"], Awaitable[None]]


class SimulatedNetwork:
    """What the transports of all processes have in common."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.random = scheduler.random_stream("network")
        self.listeners: dict[str, SimulatedListener] = {}
        self.connections: dict[int, SimulatedConnection] = {}
        self._connection_count = 0

    def attach(self, process: Process) -> SimulatedTransport:
        """The transport as `process` sees it."""
        return SimulatedTransport(self, process)

    def delay_s(self) -> float:
        """How long the next message takes."""
        return self.random.choice(_DELAYS_S) * self.random.random()

    def pair(
        self, client: Process, server: Process
    ) -> tuple[SimulatedConnection, SimulatedConnection]:
        """Both ends of a new connection."""
        self._connection_count += 1
        number = self._connection_count
        near = SimulatedConnection(self, client, f"{client.name}->{server.name}#{number}")
        far = SimulatedConnection(self, server, f"{server.name}->{client.name}#{number}")
        near.peer, far.peer = far, near
        self.connections[number] = near
        return near, far

    def break_one(self) -> None:
        """Breaks one of the open connections."""
        open_ones = [connection for connection in self.connections.values() if connection.is_open]
        if open_ones:
            connection = self.random.choice(open_ones)
            self.note(connection.name, "breaks")
            connection.lose()

    def note(self, actor: str, what: str) -> None:
        """Adds to the trace."""
        self.scheduler.trace.add(self.scheduler.now_s, actor, what)


class SimulatedConnection:
    """The `Connection` port: one end."""

    def __init__(self, network: SimulatedNetwork, process: Process, name: str) -> None:
        self.name = name
        self.peer: SimulatedConnection | None = None
        self.is_open = True
        self._network = network
        self._process = process
        self._arrived: list[bytes] = []
        self._under_way: list[bytes] = []
        self._arrival_s = 0.0
        self._ended = False
        self._is_broken = False
        self._waiter: SimulatedPromise[None] | None = None
        self._forget = process.at_end(self.lose)

    def send(self, message: bytes) -> None:
        """See `Connection.send`."""
        self._process.check_alive()
        assert len(message) <= MESSAGE_SIZE_BYTES_MAX, "a message is too long"
        if not self.is_open or self._ended:
            raise ConnectionLostError(f"{self.name} is closed")
        assert self.peer is not None
        self._network.note(self.name, f"+{len(message)} crc {zlib.crc32(message):08x}")
        if not self._is_broken:
            self.peer.bring(bytes(message))

    def bring(self, message: bytes) -> None:
        """Has a message arrive here in a while."""
        self._under_way.append(message)
        self._after_delay(self._arrive)

    def bring_end(self) -> None:
        """Has the end arrive here, after all messages under way."""
        self._after_delay(self._end)

    def _after_delay(self, call: Callable[[], None]) -> None:
        scheduler = self._network.scheduler
        self._arrival_s = max(self._arrival_s, scheduler.now_s + self._network.delay_s())
        # Equal times would fire in any order; one connection has to keep its own.
        self._arrival_s += 1e-9
        scheduler.call_later(self._arrival_s - scheduler.now_s, call, self._process)

    def _arrive(self) -> None:
        if self._under_way and not self._ended:
            self._arrived.append(self._under_way.pop(0))
            self._wake()

    def _end(self) -> None:
        self._ended = True
        self.is_open = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None:
            self._waiter.set_result(None)

    async def receive(self) -> list[bytes]:
        """See `Connection.receive`."""
        self._process.check_alive()
        while not self._arrived:
            if self._ended or not self.is_open:
                raise ConnectionLostError(f"{self.name} has ended")
            assert self._waiter is None or self._waiter.done(), "two receive at the same time"
            self._waiter = self._network.scheduler.promise(f"a message for {self.name}")
            await self._waiter
        messages, self._arrived = self._arrived, []
        return messages

    def close(self) -> None:
        """See `Connection.close`. The other side still gets what was sent."""
        self._process.check_alive()
        if self.is_open:
            self.is_open = False
            self._forget()
            assert self.peer is not None
            self.peer.bring_end()
            self._wake()

    def lose(self) -> None:
        """Breaks the connection: some of what is under way doesn't arrive, and what is sent before
        a side notices doesn't, either."""
        assert self.peer is not None
        self._break()
        self.peer._break()

    def _break(self) -> None:
        if self.is_open and not self._is_broken:
            self._is_broken = True
            del self._under_way[self._network.random.randint(0, len(self._under_way)) :]
            self.bring_end()


class SimulatedListener:
    """The `Listener` port."""

    def __init__(
        self, network: SimulatedNetwork, process: Process, endpoint: str, handler: Handler
    ) -> None:
        self.process = process
        self._network = network
        self._endpoint = endpoint
        self._handler = handler
        self._forget = process.at_end(self._unlisten)
        self._handled_count = 0

    def accept(self, connection: SimulatedConnection) -> None:
        """Starts the handler of a connection."""
        self._handled_count += 1
        self._network.scheduler.spawn(
            self.process, self._handle(connection), f"connection-{self._handled_count}"
        )

    async def _handle(self, connection: SimulatedConnection) -> None:
        try:
            await self._handler(connection)
        except ConnectionLostError:
            pass
        finally:
            if self.process.alive:
                connection.close()

    def close(self) -> None:
        """See `Listener.close`."""
        self.process.check_alive()
        self._forget()
        self._unlisten()

    def _unlisten(self) -> None:
        if self._network.listeners.get(self._endpoint) is self:
            del self._network.listeners[self._endpoint]


class SimulatedTransport:
    """The `Transport` port of one process."""

    def __init__(self, network: SimulatedNetwork, process: Process) -> None:
        self._network = network
        self._process = process

    async def connect(self, endpoint: str) -> SimulatedConnection:
        """See `Transport.connect`."""
        self._process.check_alive()
        arrived = self._network.scheduler.promise(f"a connection to {endpoint}")
        self._network.scheduler.call_later(
            self._network.delay_s(), lambda: arrived.set_result(None), self._process
        )
        await arrived
        listener = self._network.listeners.get(endpoint)
        if listener is None or not listener.process.alive:
            raise ConnectionLostError(f"nobody listens at {endpoint}")
        near, far = self._network.pair(self._process, listener.process)
        self._network.note(near.name, "opens")
        listener.accept(far)
        return near

    async def listen(self, endpoint: str, handler: Handler) -> SimulatedListener:
        """See `Transport.listen`. One who listened there before is replaced."""
        self._process.check_alive()
        listener = SimulatedListener(self._network, self._process, endpoint, handler)
        self._network.listeners[endpoint] = listener
        return listener
