"""Removing the blobs that nothing needs: garbage, and orphans.

Garbage is a blob whose last reference went; `apply` has listed it. Once nobody reads from before
that (`rucket.service.open_readers`) its file is removed, then it is taken off the list; a crash in
between only means that it is removed again. A reader that has it open reads on anyway; one that
finds it gone looks at a fresh snapshot. What is removed can't be made again, so that a row that
doesn't look like garbage stops everything.

An orphan is a blob no command ever named: its gateway died, or had no answer, between making it and
committing. It isn't on any list, so it is searched for; it has to be older than any request can
wait for its commit. Before one is removed, every row that could name it is looked at: the index may
have lost the row that counts its references, and can be built again, but the blob could not.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rucket.model.errors import CorruptionError
from rucket.model.names import ID_SIZE_BYTES, BlobId
from rucket.ports.index import Table
from rucket.service.blob_users import BlobUserSearch
from rucket.state.commands import ForgetGarbage
from rucket.state.row_contents import decode_row, row_problems
from rucket.state.rows import applied_position, garbage_since_hlc, reference_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.service.gateway import Gateway

_BATCH = 500
ORPHAN_AGE_MS_MIN = 60 * 60 * 1000

_logger = logging.getLogger(__name__)


class GarbageCollector:
    """Removes garbage that no reader can need, batch by batch.

    A pass goes through the list once, and removes what had died at or before its *horizon*: where
    the index stood, or lower, where somebody may read from before that. Nothing is done while the
    horizon stays where it was in the pass before: all that is left died later.

    Args:
        gateway: the ports.
        lowest_floor_hlc: down to where other processes read, None if none does
            (`rucket.service.open_readers`). Blocks.
    """

    def __init__(self, gateway: Gateway, lowest_floor_hlc: Callable[[], int | None]) -> None:
        self._gateway = gateway
        self._lowest_floor_hlc = lowest_floor_hlc
        self._horizon_hlc = 0
        self._position: bytes | None = None  # None between passes

    async def step(self) -> int:
        """Removes one batch.

        Returns:
            How many blobs were removed; 0 when there is nothing to do now.

        Raises:
            CorruptionError: what seems to be garbage is something else. Nothing was removed.
        """
        if self._position is None and not await self._begin_pass():
            return 0
        while self._position is not None:
            removed = await self._remove_some(self._position)
            if removed:
                return removed
            await self._gateway.tasks.sleep(0)
        return 0

    async def _begin_pass(self) -> bool:
        # The index first: who isn't seen among the floors begins later, and with a newer snapshot.
        with self._gateway.index.snapshot() as snapshot:
            _, applied_hlc = applied_position(snapshot)
        floor_hlc = await self._gateway.tasks.run_blocking(self._lowest_floor_hlc)
        horizon_hlc = applied_hlc if floor_hlc is None else min(applied_hlc, floor_hlc)
        if horizon_hlc <= self._horizon_hlc:
            return False
        self._horizon_hlc = horizon_hlc
        self._position = b""
        return True

    async def _remove_some(self, position: bytes) -> int:
        blob_ids: list[BlobId] = []
        with self._gateway.index.snapshot() as snapshot:
            rows = snapshot.scan(Table.GARBAGE, position, None, _BATCH)
            for key, value in rows:
                row = decode_row(Table.GARBAGE, key, value)
                if problems := row_problems(snapshot, Table.GARBAGE, row):
                    raise CorruptionError(f"the garbage {key.hex()}", problems[0])
                if garbage_since_hlc(value) <= self._horizon_hlc:
                    blob_ids.append(BlobId(key))
        if blob_ids:
            await _remove(self._gateway, blob_ids)
        self._position = rows[-1][0] + b"\0" if len(rows) == _BATCH else None
        return len(blob_ids)


async def collect_garbage(gateway: Gateway) -> int:
    """Removes all garbage, where nobody reads.

    Returns:
        How many blobs were removed.

    Raises:
        CorruptionError: what seems to be garbage is something else. Nothing was removed.
    """
    collector = GarbageCollector(gateway, lambda: None)
    removed = 0
    while some := await collector.step():
        removed += some
    return removed


async def _remove(gateway: Gateway, blob_ids: list[BlobId]) -> None:
    # A power cut must not bring back what needs them.
    await gateway.commits.sync()
    await gateway.tasks.run_blocking(_delete_all, gateway, blob_ids)
    commit_id = gateway.random.token_bytes(ID_SIZE_BYTES)
    await gateway.commits.commit(ForgetGarbage(commit_id, tuple(blob_ids)))


def _delete_all(gateway: Gateway, blob_ids: list[BlobId]) -> None:
    for blob_id in blob_ids:
        gateway.blobs.delete(blob_id)


async def remove_orphans(gateway: Gateway) -> int:
    """Looks at every blob once, and removes the orphans.

    Returns:
        How many blobs were removed.
    """
    removed = 0
    after: BlobId | None = None
    while True:
        found = await gateway.tasks.run_blocking(gateway.blobs.list_ids, after, _BATCH)
        if not found:
            return removed
        after = found[-1][0]
        newest_ms = gateway.clock.wall_ms() - ORPHAN_AGE_MS_MIN
        old = [blob_id for blob_id, written_ms in found if written_ms < newest_ms]
        with gateway.index.snapshot() as snapshot:
            orphans = [
                blob_id
                for blob_id in old
                if not reference_count(snapshot, blob_id)
                and snapshot.get(Table.GARBAGE, blob_id) is None
            ]
        unnamed = await _unnamed(gateway, orphans) if orphans else []
        await gateway.tasks.run_blocking(_delete_all, gateway, unnamed)
        removed += len(unnamed)


async def _unnamed(gateway: Gateway, blob_ids: list[BlobId]) -> list[BlobId]:
    """Those that no row names; none where a row can't be read."""
    search = BlobUserSearch(gateway.index, blob_ids)
    while not search.is_complete:
        search.look_on()
        await gateway.tasks.sleep(0)
    for blob_id, users in search.users.items():
        if users:
            _logger.error(
                "blob %s is used by %s, but not counted: the index is damaged; run rucket verify",
                blob_id.hex(),
                ", ".join(map(str, users)),
            )
    if search.missed:
        _logger.error("%d blobs seem to be orphans, but rows can't be read", len(blob_ids))
        return []
    return [blob_id for blob_id, users in search.users.items() if not users]
