"""The application over a node in memory, and clients of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rucket.wire.app import make_app
from tests.unit.fakes import ALICE, BOB, ROOT, Node
from tests.unit.in_process_client import Client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rucket.wire.request_observer import RequestReport


@dataclass
class Records:
    """An observer that keeps everything."""

    reports: list[RequestReport] = field(default_factory=list)
    crashes: list[Exception] = field(default_factory=list)

    def finished(self, report: RequestReport) -> None:
        """See `RequestObserver.finished`."""
        self.reports.append(report)

    def crashed(self, request_id: str, operation: str, error: Exception) -> None:
        """See `RequestObserver.crashed`."""
        assert request_id
        assert operation
        self.crashes.append(error)


class Setting:
    """A node, its application and clients."""

    def __init__(self) -> None:
        self.node = Node()
        self.records = Records()
        application = make_app(self.node.gateway, self.records)
        self.root = Client(application, ROOT)
        self.alice = Client(application, ALICE)
        self.bob = Client(application, BOB)
        self.nobody = Client(application, None)


def run(scenario: Callable[[Setting], Awaitable[None]]) -> None:
    """Runs a scenario against a node of its own."""

    async def body() -> None:
        await scenario(Setting())

    asyncio.run(body())
