"""Placement: to which group of objects one belongs, and which nodes keep a group. Pure.

The group of an object follows from its bucket and key alone and is kept with it, so that a node
that joins others needn't look at what it has. It is ``BLAKE2b(bucket id as u64, big-endian, then
the key as UTF-8; 8 bytes)`` as a big-endian number, modulo the number of groups. Why not
SipHash-1-3, which CRUSH uses: docs/decisions/0003-placement-groups.md.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Protocol

PLACEMENT_GROUP_COUNT = 1024
"""Enough for tens of nodes to share evenly. For ever: it is part of what is stored."""

_BUCKET_ID = struct.Struct(">Q")
_HASH_SIZE_BYTES = 8


class PlacementPolicy(Protocol):
    """Decides where objects are kept."""

    def compute_placement(self, bucket_id: int, key: str) -> int:
        """The placement group of an object."""
        ...

    def nodes_for_placement_group(self, placement_group: int) -> tuple[str, ...]:
        """The ids of the nodes that keep a group, the first one first."""
        ...


@dataclass(frozen=True, slots=True)
class SingleNodePlacement:
    """Everything is on one node; groups are computed all the same."""

    node_id: str

    def compute_placement(self, bucket_id: int, key: str) -> int:
        """See `PlacementPolicy.compute_placement`."""
        named = _BUCKET_ID.pack(bucket_id) + key.encode()
        digest = hashlib.blake2b(named, digest_size=_HASH_SIZE_BYTES).digest()
        return int.from_bytes(digest, "big") % PLACEMENT_GROUP_COUNT

    def nodes_for_placement_group(self, placement_group: int) -> tuple[str, ...]:
        """See `PlacementPolicy.nodes_for_placement_group`.

        Raises:
            ValueError: there is no such group.
        """
        if not 0 <= placement_group < PLACEMENT_GROUP_COUNT:
            raise ValueError(f"there is no placement group {placement_group}")
        return (self.node_id,)
