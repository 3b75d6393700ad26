"""What a request costs in Python: gateway and node in one process, without HTTP or a network.

Requests are signed before the clock runs and handed to the application as the HTTP server would;
commits go over a real socket to a real node, to disk. CPU time is what counts, the cheapest of some
rounds, in microseconds and in yards (thousandths of a fixed piece of work, measured beside it), so
that a busy machine disturbs little. `--profile` shows the functions the time goes to.
"""

import argparse
import asyncio
import cProfile
import hashlib
import os
import pstats
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.yardstick import measure_yardstick_s
from rucket.daemon.build import build_gateway, build_node
from rucket.daemon.request_recorder import RequestRecorder
from rucket.daemon.settings_sources import load_settings
from rucket.ports.asgi import Application, Message, Scope
from rucket.wire.app import make_app
from rucket.wire.sigv4.canonical_request import SignedRequest
from rucket.wire.sigv4.signer import SigningCredentials, sign_headers
from tests.unit.in_process_client import Transfer

CREDENTIALS = SigningCredentials("rucket", "rucket123")
HOST = "127.0.0.1:9000"
MESSAGE_SIZE_BYTES = 64 * 1024
CONNECTION_COUNT = 16
ROUND_COUNT = 5
SHOWN_FUNCTION_COUNT = 30
FOLDER_COUNT = 50
KIB = 1024
MIB = KIB * KIB


@dataclass(frozen=True, slots=True)
class Case:
    """Requests of one kind: `make` gives the method, target and body of the one with a number."""

    name: str
    count: int
    make: Callable[[int], tuple[str, str, bytes]]


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time of one request."""

    microseconds: float
    yards: float


def cases(bodies: dict[int, bytes], scale: float) -> list[Case]:
    """All that is measured; `scale` makes the rounds shorter or longer."""

    def read(method: str, target: str) -> Callable[[int], tuple[str, str, bytes]]:
        return lambda _: (method, target, b"")

    def put(size_bytes: int) -> Callable[[int], tuple[str, str, bytes]]:
        return lambda number: ("PUT", f"/bucket/new/{number}", bodies[size_bytes])

    planned = [
        Case("GET 1 KiB", 2000, read("GET", f"/bucket/{KIB}")),
        Case("HEAD 1 KiB", 2000, read("HEAD", f"/bucket/{KIB}")),
        Case("GET 64 KiB", 1000, read("GET", f"/bucket/{64 * KIB}")),
        Case("GET 1 MiB", 200, read("GET", f"/bucket/{MIB}")),
        Case("PUT 1 KiB", 1500, put(KIB)),
        Case("PUT 64 KiB", 400, put(64 * KIB)),
        Case("PUT 1 MiB", 64, put(MIB)),
        Case("DELETE", 1500, lambda number: ("DELETE", f"/bucket/gone/{number}", b"")),
        Case("LIST 1,000 keys", 40, read("GET", "/bucket?list-type=2&prefix=list/")),
        Case(
            f"LIST {FOLDER_COUNT} folders",
            200,
            read("GET", "/bucket?list-type=2&prefix=folders/&delimiter=%2F"),
        ),
    ]
    return [Case(case.name, max(1, int(case.count * scale)), case.make) for case in planned]


def _scope(method: str, target: str, body: bytes) -> Scope:
    raw_path, _, raw_query = target.encode().partition(b"?")
    headers = {"host": HOST}
    headers |= sign_headers(
        SignedRequest(method, raw_path, raw_query, headers),
        CREDENTIALS,
        time.time_ns() // 1_000_000,
        hashlib.sha256(body).hexdigest(),
    )
    if body:
        headers["content-length"] = str(len(body))
    return {
        "type": "http",
        "scheme": "http",
        "method": method,
        "raw_path": raw_path,
        "query_string": raw_query,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50_000),
    }


class _Client:
    """The other side of the application; looks at nothing but the status."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def request(self, method: str, target: str, body: bytes = b"") -> None:
        await self.send(_scope(method, target, body), body)

    async def send(self, scope: Scope, body: bytes) -> None:
        pieces = [
            body[start : start + MESSAGE_SIZE_BYTES]
            for start in range(0, len(body), MESSAGE_SIZE_BYTES)
        ]

        async def take(message: Message) -> None:
            if message.get("status", 200) not in (200, 204):
                raise AssertionError(f"{scope['method']} was answered {message['status']}")

        await self._application(scope, Transfer(deque(pieces)).receive, take)


@asynccontextmanager
async def _server(data_dir: Path) -> AsyncIterator[_Client]:
    settings = load_settings(None, {"storage": {"data_dir": str(data_dir)}})
    node = build_node(settings)
    node.log.open()
    node.store.recover()
    running = asyncio.ensure_future(node.store.run())
    listener = await node.server.listen(node.directory.node_socket)
    parts = build_gateway(settings)
    parts.commits.start()
    while not await parts.commits.ready():
        await asyncio.sleep(0.01)
    recorder = RequestRecorder(parts.gateway.clock, log_requests=True, pretty=False)
    try:
        yield _Client(make_app(parts.gateway, recorder))
    finally:
        parts.commits.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        listener.close()
        parts.tasks.close()
        parts.index.close()
        node.tasks.close()
        node.index.close()
        node.log.close()


async def _together(count: int, call: Callable[[int], Awaitable[None]]) -> None:
    """Calls with every number below `count`, as many at a time as there are connections."""
    numbers = iter(range(count))

    async def connection() -> None:
        for number in numbers:
            await call(number)

    await asyncio.gather(*[connection() for _ in range(CONNECTION_COUNT)])


async def _fill(client: _Client, bodies: dict[int, bytes], scale: float) -> None:
    await client.request("PUT", "/bucket")
    for size_bytes, body in bodies.items():
        await client.request("PUT", f"/bucket/{size_bytes}", body)
    await _together(
        int(1001 * scale), lambda n: client.request("PUT", f"/bucket/list/{n:06d}-key", b"x")
    )
    await _together(
        int(20 * FOLDER_COUNT * scale),
        lambda n: client.request("PUT", f"/bucket/folders/{n % FOLDER_COUNT}/{n}", b"x"),
    )


async def _round(client: _Client, case: Case, profile: cProfile.Profile | None) -> Cost:
    made = [case.make(number) for number in range(case.count)]
    scopes = [_scope(*request) for request in made]
    yard_s = measure_yardstick_s() / 1000
    if profile is not None:
        profile.enable()
    started_s = time.process_time()
    await _together(case.count, lambda number: client.send(scopes[number], made[number][2]))
    cost_s = (time.process_time() - started_s) / case.count
    if profile is not None:
        profile.disable()
    return Cost(cost_s * 1e6, cost_s / yard_s)


async def measure(
    directory: Path,
    only: str = "",
    *,
    scale: float = 1.0,
    round_count: int = ROUND_COUNT,
    profiles: bool = False,
) -> dict[str, Cost]:
    """The cost of each kind of request whose name has `only` in it, the cheapest of the rounds."""
    bodies = {size_bytes: os.urandom(size_bytes) for size_bytes in (KIB, 64 * KIB, MIB)}
    costs: dict[str, Cost] = {}
    async with _server(directory / "data") as client:
        await _fill(client, bodies, scale)
        for case in cases(bodies, scale):
            if only not in case.name:
                continue
            rounds = [await _round(client, case, None) for _ in range(round_count)]
            costs[case.name] = min(rounds, key=lambda cost: cost.yards)
            if profiles:
                profile = cProfile.Profile(time.process_time)
                await _round(client, case, profile)
                statistics = pstats.Stats(profile).sort_stats("tottime")
                statistics.print_stats(SHOWN_FUNCTION_COUNT)
    return costs


def main() -> None:
    """Prints the costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="requests whose name has this in it")
    parser.add_argument("--profile", action="store_true", help="and where the time goes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rucket-requests-") as name:
        costs = asyncio.run(measure(Path(name), arguments.only, profiles=arguments.profile))
    for request, cost in costs.items():
        print(f"{request:20} {cost.microseconds:10.1f} µs {cost.yards:10.2f} yards")


if __name__ == "__main__":
    main()
