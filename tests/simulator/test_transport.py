"""The simulated transport: order, ends and breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rucket.ports.transport import ConnectionLostError
from tests.simulator.process import Process, SimulatedTasks
from tests.simulator.scheduler import Scheduler
from tests.simulator.trace import Trace
from tests.simulator.transport import SimulatedNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rucket.ports.transport import Connection

MESSAGES = [b"%d" % number for number in range(20)]


class TwoProcesses:
    """A server that keeps what it receives, and a client."""

    def __init__(self, seed: int) -> None:
        self.scheduler = Scheduler(seed, Trace())
        self.network = SimulatedNetwork(self.scheduler)
        self.server = Process(self.scheduler, "server")
        self.client = Process(self.scheduler, "client")
        self.tasks = SimulatedTasks(self.client)
        self.received: list[bytes] = []
        self.server_noticed_the_end = False

    async def serve(self, connection: Connection) -> None:
        """Receives until the end."""
        try:
            while True:
                self.received.extend(await connection.receive())
        finally:
            self.server_noticed_the_end = True

    def run(self, use: Callable[[Connection], Coroutine[Any, Any, None]]) -> None:
        """Connects and runs `use` on the client's end."""

        async def main() -> None:
            await self.network.attach(self.server).listen("/socket", self.serve)
            await use(await self.network.attach(self.client).connect("/socket"))
            await self.tasks.sleep(10)

        try:
            self.scheduler.run(self.client, main())
        finally:
            self.scheduler.close()


@pytest.mark.parametrize("seed", range(10))
def test_messages_arrive_in_order_before_the_end(seed: int) -> None:
    """All that was sent before a close arrives, in order; then the other side is told."""
    both = TwoProcesses(seed)

    async def use(connection: Connection) -> None:
        for message in MESSAGES:
            connection.send(message)
        connection.close()

    both.run(use)

    assert both.received == MESSAGES
    assert both.server_noticed_the_end


def test_some_messages_are_lost_with_their_sender() -> None:
    """When the sender is killed, what arrives is a beginning of what was sent."""
    counts = set()
    for seed in range(30):
        both = TwoProcesses(seed)
        sender = Process(both.scheduler, "sender")

        async def main(both: TwoProcesses = both, sender: Process = sender) -> None:
            await both.network.attach(both.server).listen("/socket", both.serve)
            sender_end = SimulatedTasks(sender).spawn(
                both.network.attach(sender).connect("/socket"), "connect"
            )
            connection = await sender_end
            for message in MESSAGES:
                connection.send(message)
            sender.kill()
            await both.tasks.sleep(10)

        try:
            both.scheduler.run(both.client, main())
        finally:
            both.scheduler.close()
        assert both.received == MESSAGES[: len(both.received)]
        assert both.server_noticed_the_end
        counts.add(len(both.received))

    assert len(counts) > 3


def test_client_notices_that_the_server_was_killed() -> None:
    """Receiving from a killed process ends with ConnectionLostError, and so does connecting."""
    both = TwoProcesses(1)

    async def use(connection: Connection) -> None:
        both.server.kill()
        with pytest.raises(ConnectionLostError):
            await connection.receive()
        with pytest.raises(ConnectionLostError):
            connection.send(b"too late")
        with pytest.raises(ConnectionLostError):
            await both.network.attach(both.client).connect("/socket")

    both.run(use)
