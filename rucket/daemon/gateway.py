"""A gateway process: HTTP in front of the service layer, one of several that share the port.

Each listens with SO_REUSEPORT, so the kernel spreads connections over them, and one that dies takes
only its own requests with it. It keeps no state of its own.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from rucket.daemon.build import build_gateway, build_lease
from rucket.daemon.child import NotifyReady, StopSignal, run_child
from rucket.daemon.connection_limit import ACCEPTED_ON_TOP, ConnectionLimit, count_sockets
from rucket.daemon.request_recorder import RequestRecorder
from rucket.service.compaction import close_removed_segments
from rucket.service.read_floor import publish_floor, publish_floor_often
from rucket.store.blobs.late_sync import sync_in_time
from rucket.wire.app import make_app

if TYPE_CHECKING:
    from rucket.daemon.settings import Settings

_BACKLOG = 1024
_MS = 1000


async def main(settings: Settings, stop: StopSignal, notify_ready: NotifyReady) -> None:
    """Serves S3 until `stop`, then finishes what is in flight."""
    os.umask(0o077)
    parts = build_gateway(settings)
    parts.commits.start()
    recorder = RequestRecorder(
        parts.gateway.clock,
        log_requests=settings.logging.log_requests,
        pretty=settings.logging.format == "pretty",
    )
    closing = parts.tasks.spawn(
        close_removed_segments(parts.tasks, parts.devices), "removed-segments"
    )
    syncing = [
        parts.tasks.spawn(sync_in_time(parts.tasks, late), "late-sync")
        for late in parts.devices.late_syncs()
    ]
    recording = parts.tasks.spawn(recorder.run(parts.tasks), "request-recorder")
    limit = ConnectionLimit(settings.server.max_connections, count_sockets)
    limiting = parts.tasks.spawn(limit.watch(parts.tasks), "connection-limit")
    server = _server(settings, make_app(parts.gateway, recorder, limit.turns_away))
    lease = build_lease(settings)
    # Before the first request: what it reads is not to be removed.
    await publish_floor(parts.gateway, lease)
    publishing = parts.tasks.spawn(publish_floor_often(parts.gateway, lease), "read-floor")
    serving = asyncio.ensure_future(server.serve())
    notify_ready()
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait({serving}, timeout=settings.server.gateway_drain_timeout_s)
    limiting.cancel()
    publishing.cancel()
    recording.cancel()
    closing.cancel()
    for task in syncing:
        task.cancel()
    await parts.tasks.run_blocking(parts.devices.close)
    recorder.close()
    parts.commits.close()
    parts.index.close()
    lease.close()


def _server(settings: Settings, app: object) -> Server:
    server = settings.server
    return Server(
        app,
        address=server.bind_address.host,
        port=server.bind_address.port,
        interface=Interfaces.ASGINL,
        # Telling HTTP/2 apart takes the first bytes, for which there is no time-out.
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        backpressure=server.max_connections + ACCEPTED_ON_TOP,
        http1_settings=HTTP1Settings(
            header_read_timeout=int(server.header_timeout_s * _MS),
            max_buffer_size=server.max_header_size_bytes,
        ),
        log_enabled=False,
        ssl_cert=server.tls_cert,
        ssl_key=server.tls_key,
    )


if __name__ == "__main__":
    run_child("gateway", main)
