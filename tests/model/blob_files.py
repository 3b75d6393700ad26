"""Which files of blobs there are when nothing is going on any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.names import BlobId
from rucket.ports.index import Table
from rucket.service.garbage import collect_garbage, remove_orphans
from tests.unit.state.applied_log import keys_of, named_blobs

if TYPE_CHECKING:
    from tests.model.node import Node

_BLOB_COUNT_MAX = 100_000


def check_blobs(node: Node) -> None:
    """After garbage and orphans have been removed, the files are those that rows name, and each can
    be read.
    """
    while node.run(collect_garbage(node.gateway)):
        pass
    node.run(remove_orphans(node.gateway_much_later()))
    with node.gateway.index.snapshot() as snapshot:
        needed = sorted(named_blobs(snapshot))
        assert keys_of(snapshot, Table.GARBAGE) == []
    blobs = node.gateway.blobs
    assert [blob_id for blob_id, _ in blobs.list_ids(None, _BLOB_COUNT_MAX)] == needed
    for blob_id in needed:
        reader = blobs.open(BlobId(blob_id))
        reader.read(0, reader.size_bytes)
        reader.close()
