"""Stamps of the real log grow over restarts, whatever became of index and clock meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.model.node import Node
from tests.model.requests import Client, condition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOUR_MS = 3_600_000


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node with a bucket and an object."""
    node = Node(tmp_path)
    client = Client(node)
    client.ask(client.create_bucket("bucket", "alice"))
    client.ask(client.put("bucket", "key", b"", condition()))
    yield node
    node.close()


@pytest.mark.parametrize("restart_count", [0, 1, 2])
@pytest.mark.parametrize("is_index_lost", [False, True], ids=["index kept", "index lost"])
def test_a_clock_set_back_does_not_turn_back_stamps(
    node: Node,
    restart_count: int,
    is_index_lost: bool,  # noqa: FBT001
) -> None:
    """Each restart begins an empty segment, so that the newest one may show no stamp."""
    client = Client(node)
    client.ask(client.put("bucket", "key", b"", condition()))
    for _ in range(restart_count):
        node.stop()
        node.start()
    node.clock.step_ms -= _HOUR_MS
    node.crash()
    if is_index_lost:
        node.discard_index()
    node.start()

    client.ask(client.put("bucket", "key", b"", condition()))

    assert client.last_modified_ms > node.clock.wall_ms() + _HOUR_MS // 2
