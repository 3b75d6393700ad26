"""The node process: the one that owns the log and writes the index.

It recovers, then takes commands from the gateways; the order of things is the store's. Every now
and then it makes the index durable, so that a restart has little to replay and the log stays
short.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from rucket.daemon.build import NodeParts, build_node
from rucket.daemon.child import NotifyReady, StopSignal, run_child
from rucket.daemon.full_recovery import check_fully
from rucket.disk.os_disk import OsDisk
from rucket.store.checkpoint_timing import checkpoint_if_there_is_room, checkpoint_often
from rucket.store.sync_strategy import SyncMode

if TYPE_CHECKING:
    from rucket.daemon.settings import Settings

_logger = logging.getLogger(__name__)


async def main(settings: Settings, stop: StopSignal, notify_ready: NotifyReady) -> None:
    """Serves the gateways until `stop`."""
    os.umask(0o077)
    node = build_node(settings)
    try:
        replayed = await node.tasks.run_blocking(_open, node, settings)
        _logger.info(
            "recovered: %d records, %d of them replayed",
            node.store.applied_sequence_number,
            replayed,
        )
        _warn_of_losses(settings)
        running = asyncio.ensure_future(_run(node))
        listener = await node.server.listen(node.directory.node_socket)
        notify_ready()
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        listener.close()
        if running.done():
            await running
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await checkpoint_if_there_is_room(node.store)
    finally:
        node.tasks.close()
        node.index.close()
        node.log.close()


def _warn_of_losses(settings: Settings) -> None:
    sync = settings.storage.sync
    strategy = sync.strategy(sync.metadata)
    if not strategy.is_always:
        _logger.warning(
            "storage.sync.metadata is %s: a power cut may take back %s, though they were answered",
            strategy.mode,
            strategy.loss_window(),
        )
    strategy = sync.strategy(sync.data)
    if not strategy.is_always:
        _logger.warning(
            "storage.sync.data is %s: a power cut may damage objects that were answered, of each "
            "gateway process and device %s; such objects are answered with errors, not with "
            "other bytes",
            strategy.mode,
            strategy.loss_window()
            if strategy.mode is not SyncMode.NEVER
            else "all since its last sync",
        )


async def _run(node: NodeParts) -> None:
    await asyncio.gather(node.store.run(), checkpoint_often(node.store, node.tasks))


def _open(node: NodeParts, settings: Settings) -> int:
    if settings.storage.wal.recovery == "full":
        configured_key = settings.auth.sealing_key
        if configured_key is None:
            key = node.directory.read_sealing_key()
        else:
            key = bytes.fromhex(configured_key.get_secret_value())
        check_fully(OsDisk(), node.directory, key)
    return node.open()


if __name__ == "__main__":
    run_child("node", main)
