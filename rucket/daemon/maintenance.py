"""The maintenance process: what has to be done at some time, for no request in particular.

Each job is a task of its own. One that meets a passing trouble (the node restarts, the disk is
full) tries again at its next turn. One that meets damage reports it and tries again later: requests
that don't need what is damaged are served.
"""

from __future__ import annotations

import asyncio
import logging
import os
from functools import partial
from typing import TYPE_CHECKING

from rucket.daemon.build import (
    CompactionParts,
    EventParts,
    GatewayParts,
    RotationParts,
    ScrubberParts,
    StoredCounter,
    build_checkpoints,
    build_compaction,
    build_events,
    build_leases,
    build_maintenance,
    build_rotation,
    build_scrubber,
)
from rucket.daemon.child import NotifyReady, StopSignal, run_child
from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.devices import DeviceWatch
from rucket.daemon.garbage_gate import GarbageGate
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import (
    CommitUnknownError,
    CorruptionError,
    DeviceError,
    OperatingError,
    OverloadedError,
    StorageFullError,
)
from rucket.observe.device_metrics import DeviceMetrics
from rucket.observe.metric_directory import DIRECTORY as METRICS_DIRECTORY
from rucket.observe.metrics import StoredMetrics
from rucket.observe.metrics_server import MetricsServer, process_metrics, serve_metrics
from rucket.service.compaction import close_removed_segments
from rucket.service.garbage import GarbageCollector, remove_orphans

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rucket.daemon.settings import Settings
    from rucket.service.gateway import Gateway

GARBAGE_INTERVAL_S = 2.0
ORPHAN_INTERVAL_S = 60 * 60.0
AFTER_DAMAGE_S = 10 * 60.0
SCRUB_RETRY_S = 60.0
EVENTS_RETRY_S = 10.0
AFTER_FAILED_ROTATION_S = 1.0
COMPACTION_RETRY_S = 60.0

_logger = logging.getLogger(__name__)


async def main(settings: Settings, stop: StopSignal, notify_ready: NotifyReady) -> None:
    """Does its jobs until `stop`."""
    os.umask(0o077)
    parts = build_maintenance(settings)
    parts.commits.start()
    metrics = _serve_metrics(settings)
    garbage = _collection(settings, parts.gateway)
    orphans = partial(remove_orphans, parts.gateway)
    compaction = build_compaction(settings, parts)
    jobs = [
        asyncio.ensure_future(_compact(parts, compaction)),
        asyncio.ensure_future(close_removed_segments(parts.tasks, parts.devices)),
        asyncio.ensure_future(_often(parts, "garbage", GARBAGE_INTERVAL_S, garbage)),
        asyncio.ensure_future(_often(parts, "orphans", ORPHAN_INTERVAL_S, orphans)),
    ]
    checkpoints = build_checkpoints(settings, parts.commits)
    jobs.append(asyncio.ensure_future(checkpoints.run()))
    scrub: ScrubberParts | None = None
    if settings.storage.scrub.enabled:
        scrub = build_scrubber(settings, parts.gateway)
        jobs.append(asyncio.ensure_future(_scrub(parts, scrub)))
    events = build_events(settings)
    if events is not None:
        jobs.append(asyncio.ensure_future(_deliver(events)))
    rotation = build_rotation(settings, parts.gateway)
    if rotation is not None:
        jobs.append(asyncio.ensure_future(_rotate(parts, rotation)))
    notify_ready()
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({*jobs, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for job in jobs:
        if job.done():
            await job
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    if metrics is not None:
        metrics.close()
    parts.commits.close()
    parts.tasks.close()
    parts.index.close()
    checkpoints.index.close()
    compaction.index.close()
    if scrub is not None:
        scrub.index.close()
    if events is not None:
        events.close()


def _collection(settings: Settings, gateway: Gateway) -> Callable[[], Awaitable[int]]:
    """Removes a batch of garbage, unless a backup is being made."""
    gate = GarbageGate(DataDirectory(str(settings.storage.data_dir), OsDisk()).garbage_gate)
    collector = GarbageCollector(gateway, build_leases(settings).lowest_floor_hlc)

    async def step() -> int:
        with gate.passed() as is_open:
            return await collector.step() if is_open else 0

    return step


def _serve_metrics(settings: Settings) -> MetricsServer | None:
    if not settings.metrics.enabled:
        return None
    stored = StoredMetrics(StoredCounter(str(settings.storage.data_dir)))
    devices = DeviceMetrics(DeviceWatch(str(settings.storage.data_dir)))
    files = process_metrics(settings.storage.data_dir / METRICS_DIRECTORY)
    address = settings.metrics_address
    return serve_metrics(address.host, address.port, [files, stored, devices])


async def _often(
    parts: GatewayParts,
    name: str,
    interval_s: float,
    work: Callable[[], Awaitable[int]],
) -> None:
    """Does `work` again and again: at once while it finds something, else after a pause."""
    while True:
        done = 0
        try:
            done = await work()
        except (CommitUnknownError, DeviceError, OverloadedError, StorageFullError) as error:
            _logger.warning("%s: %s; trying again", name, error)
        except CorruptionError as error:
            _logger.error("%s: %s", name, error)  # noqa: TRY400 -- the message says it all
            await parts.tasks.sleep(AFTER_DAMAGE_S)
        if done:
            _logger.debug("%s: %d blobs removed", name, done)
        else:
            await parts.tasks.sleep(interval_s)


async def _rotate(parts: GatewayParts, parts_of_rotation: RotationParts) -> None:
    """Brings data keys under the active master key, once, and then waits for ever."""
    rotation, register = parts_of_rotation.rotation, parts_of_rotation.register
    names = ", ".join(key_id.hex() for key_id in parts_of_rotation.previous_key_ids)
    _logger.info("key rotation: data keys under %s get the active master key", names)
    while not rotation.is_complete:
        pause_s = AFTER_FAILED_ROTATION_S
        try:
            pause_s = await rotation.step()
        except OperatingError as error:
            _logger.warning("key rotation: %s; trying again", error)
        await parts.tasks.sleep(pause_s)
    if rotation.unreadable_count:
        _logger.error(
            "key rotation: %d rows could not be read, so that %s must stay configured; "
            "run rucket verify",
            rotation.unreadable_count,
            names,
        )
    else:
        await parts.tasks.run_blocking(register.remove, parts_of_rotation.previous_key_ids)
        _logger.info(
            "key rotation: done, %d of %d rows had to change; nothing is encrypted under %s any "
            "more, which can be taken out of storage.encryption (keep it for older backups)",
            rotation.rewrapped_count,
            rotation.row_count,
            names,
        )
    await parts.tasks.promise()


async def _scrub(parts: GatewayParts, scrub: ScrubberParts) -> None:
    """Verifies what is stored, for ever, at its own pace."""
    while True:
        pause_s = SCRUB_RETRY_S
        try:
            pause_s = await scrub.scrubber.step()
        except OperatingError as error:
            _logger.warning("scrub: %s; trying again", error)
        await parts.tasks.sleep(pause_s)


async def _deliver(events: EventParts) -> None:
    """Tells what happens, for ever."""
    while True:
        try:
            await events.delivery.run()
        except (DeviceError, StorageFullError) as error:
            _logger.warning("events: %s; trying again", error)
            await events.tasks.sleep(EVENTS_RETRY_S)
        except OperatingError as error:
            _logger.error("events: %s", error)  # noqa: TRY400 -- the message says it all
            await events.tasks.sleep(AFTER_DAMAGE_S)


async def _compact(parts: GatewayParts, compaction: CompactionParts) -> None:
    """Gives back the room of deleted blobs, for ever, at its own pace."""
    while True:
        pause_s = COMPACTION_RETRY_S
        try:
            pause_s = await compaction.compaction.step()
        except OperatingError as error:
            _logger.warning("compaction: %s; trying again", error)
        await parts.tasks.sleep(pause_s)


if __name__ == "__main__":
    run_child("maintenance", main)
