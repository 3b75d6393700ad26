"""Removing the blobs that nothing needs: garbage, and orphans.

Garbage is a blob whose last reference went; `apply` has listed it. Its file is removed, then it is
taken off the list; a crash in between only means that it is removed again. A reader that has it
open reads on; one that is about to open it finds it gone and looks at a fresh snapshot. What is
removed can't be made again, so that a row that doesn't look like garbage stops everything.

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
from rucket.state.rows import reference_count

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway

_BATCH = 500
ORPHAN_AGE_MS_MIN = 60 * 60 * 1000

_logger = logging.getLogger(__name__)


async def collect_garbage(gateway: Gateway) -> int:
    """Removes one batch of garbage.

    Returns:
        How many blobs were removed; 0 when there is no garbage.

    Raises:
        CorruptionError: what seems to be garbage is something else. Nothing was removed.
    """
    with gateway.index.snapshot() as snapshot:
        rows = snapshot.scan(Table.GARBAGE, b"", None, _BATCH)
        for key, value in rows:
            row = decode_row(Table.GARBAGE, key, value)
            if problems := row_problems(snapshot, Table.GARBAGE, row):
                raise CorruptionError(f"the garbage {key.hex()}", problems[0])
    blob_ids = [BlobId(key) for key, _ in rows]
    if not blob_ids:
        return 0
    # A power cut must not bring back what needs them.
    await gateway.commits.sync()
    await gateway.tasks.run_blocking(_delete_all, gateway, blob_ids)
    commit_id = gateway.random.token_bytes(ID_SIZE_BYTES)
    await gateway.commits.commit(ForgetGarbage(commit_id, tuple(blob_ids)))
    return len(blob_ids)


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
