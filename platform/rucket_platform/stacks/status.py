"""Looks at the nodes of a stack as they are now, whatever the state says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from rucket_platform.substrates.substrate import NodeStatus, Substrate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NODE_TYPE = "rucket:platform:Node"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_COLOURS = {NodeStatus.RUNNING: "green", NodeStatus.NOT_READY: "yellow"}


@dataclass(frozen=True, slots=True)
class NodeView:
    """One line of the table."""

    region: str
    node: str
    status: NodeStatus
    pid: int | None
    version: str
    endpoint: str
    data_dir: Path


def look_at_nodes(
    resources: Iterable[Mapping[str, Any]], substrate: Substrate
) -> tuple[NodeView, ...]:
    """Look at every node that the state knows."""
    return tuple(
        _look(resource["outputs"], substrate)
        for resource in resources
        if resource["type"] == _NODE_TYPE
    )


def table_of(nodes: Iterable[NodeView]) -> Table:
    """Draw the table."""
    table = Table(box=None, pad_edge=False)
    columns = ("region", "node", "status", "pid", "version", "endpoint", "disk", "data")
    for column in columns:
        table.add_column(column, no_wrap=column != "data", overflow="fold")
    for node in nodes:
        colour = _COLOURS.get(node.status, "red")
        table.add_row(
            node.region,
            node.node,
            f"[{colour}]{node.status.value}[/]",
            str(node.pid or "-"),
            node.version,
            node.endpoint,
            _size(_disk_use_bytes(node.data_dir)),
            _shortened(node.data_dir),
        )
    return table


def _look(outputs: Mapping[str, Any], substrate: Substrate) -> NodeView:
    status, pid = substrate.status(Path(outputs["directory"]), outputs["endpoint"])
    return NodeView(
        region=str(outputs["region"]),
        node=str(outputs["node"]),
        status=status,
        pid=pid,
        version=str(outputs.get("version") or "-"),
        endpoint=str(outputs["endpoint"]),
        data_dir=Path(outputs["data_dir"]),
    )


def _disk_use_bytes(directory: Path) -> int:
    total = 0
    for path in directory.rglob("*"):
        try:
            # Blocks, not lengths: preallocated segments and sparse files count as what they take.
            total += path.lstat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total


def _shortened(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _size(size_bytes: float) -> str:
    for unit in _UNITS:
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} PiB"
