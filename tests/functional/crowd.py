"""Many clients at once, each on a connection of its own, that come back when they are told to.

Requests are signed before, and a body is sent when the server asks for it (``100 Continue``), as
SDKs do. A client that is answered SlowDown waits a little and tries its request again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BACK_OFF_S = (0.05, 0.25)
ANSWER_TIMEOUT_S = 30.0


@dataclass(slots=True)
class Seen:
    """What a crowd was answered: how often which status and code, and how long the answers took."""

    counts: Counter[str] = field(default_factory=Counter)
    served_s: list[float] = field(default_factory=list)
    shed_s: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0

    @property
    def served_per_s(self) -> float:
        """How many requests a second were carried out."""
        return len(self.served_s) / self.elapsed_s

    def slowest_of(self, share: float) -> float:
        """The time within which this share of all answers came."""
        times = sorted(self.served_s + self.shed_s)
        return times[min(len(times) - 1, int(len(times) * share))]


def send_crowd(
    address: tuple[str, int],
    requests: Sequence[tuple[bytes, bytes]],
    client_count: int,
    seconds: float,
) -> Seen:
    """Let clients send these requests over and over.

    Args:
        address: of the server.
        requests: heads that expect ``100-continue``, and bodies; they are dealt out to the clients.
        client_count: how many clients there are.
        seconds: how long they begin new requests.
    """
    seen = Seen()

    async def crowd() -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(
            *(
                _client(address, requests[n % len(requests)], until, seen, random.Random(n))
                for n in range(client_count)
            )
        )

    started = time.perf_counter()
    asyncio.run(crowd())
    seen.elapsed_s = time.perf_counter() - started
    return seen


async def _client(
    address: tuple[str, int],
    request: tuple[bytes, bytes],
    until: float,
    seen: Seen,
    choose: random.Random,
) -> None:
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while time.perf_counter() < until:
        if connection is None:
            connection = await asyncio.open_connection(*address)
        started = time.perf_counter()
        status, closes = await asyncio.wait_for(_ask(*connection, *request), ANSWER_TIMEOUT_S)
        took_s = time.perf_counter() - started
        seen.counts[status] += 1
        (seen.served_s if status == "200" else seen.shed_s).append(took_s)
        if closes:
            connection[1].close()
            connection = None
        if status != "200":
            await asyncio.sleep(choose.uniform(*BACK_OFF_S))
    if connection is not None:
        connection[1].close()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, body: bytes
) -> tuple[str, bool]:
    """Send a request; return its status and error code, and whether the connection ends."""
    writer.write(head)
    answer = await _read_head(reader)
    if answer.startswith("http/1.1 100 "):
        writer.write(body)
        answer = await _read_head(reader)
    length = int(answer.partition("content-length: ")[2].partition("\r\n")[0])
    document = (await reader.readexactly(length)).decode("latin-1")
    code = document.partition("<Code>")[2].partition("</Code>")[0]
    return f"{answer.split(' ', 2)[1]} {code}".strip(), "connection: close" in answer


async def _read_head(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
