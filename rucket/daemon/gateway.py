"""A gateway process: HTTP in front of the service layer, one of several that share the port.

Each listens with SO_REUSEPORT, so the kernel spreads connections over them, and one that dies takes
only its own requests with it. It keeps no state of its own.
"""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from rucket.daemon.build import build_gateway, build_lease
from rucket.daemon.child import NotifyReady, StopSignal, run_child
from rucket.daemon.request_recorder import RequestRecorder
from rucket.net.http.limits import HttpLimits
from rucket.net.http.server import HttpServer
from rucket.service.compaction import close_removed_segments
from rucket.service.read_floor import publish_floor, publish_floor_often
from rucket.store.blobs.late_sync import sync_in_time
from rucket.wire.app import make_app
from rucket.wire.refused_head import render_refused_head

if TYPE_CHECKING:
    from rucket.daemon.settings import ServerSettings, Settings
    from rucket.net.http.request_head import RefusedHeadError
    from rucket.ports.asgi import HeaderPairs


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
    server = HttpServer(
        make_app(parts.gateway, recorder), _refuse, _limits(settings.server), parts.gateway.clock
    )
    lease = build_lease(settings)
    # Before the first request: what it reads is not to be removed.
    await publish_floor(parts.gateway, lease)
    publishing = parts.tasks.spawn(publish_floor_often(parts.gateway, lease), "read-floor")
    address = settings.server.bind_address
    await server.listen(address.host, address.port, _tls(settings.server))
    notify_ready()
    await stop.wait()
    await server.stop(settings.server.gateway_drain_timeout_s)
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


def _limits(settings: ServerSettings) -> HttpLimits:
    return HttpLimits(
        connection_count_max=settings.max_connections,
        head_size_bytes_max=settings.max_header_size_bytes,
        head_timeout_s=settings.header_timeout_s,
        send_timeout_s=settings.body_idle_timeout_s,
    )


def _refuse(error: RefusedHeadError) -> tuple[HeaderPairs, bytes]:
    return render_refused_head(error.status, error.reason)


def _tls(settings: ServerSettings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    return context


if __name__ == "__main__":
    run_child("gateway", main)
