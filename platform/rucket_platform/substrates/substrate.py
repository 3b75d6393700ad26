"""Where nodes run: the interface that every substrate implements.

A substrate knows processes (or containers, or hosts), files and ports. It knows nothing of
Pulumi and nothing of S3 beyond a node's health.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from rucket_platform.settings_file.server_config import ServerSettings


class NodeStatus(StrEnum):
    """Whether a node runs."""

    RUNNING = "running"
    NOT_READY = "not ready"
    DEAD = "dead"
    ABSENT = "absent"


class ConfigStatus(StrEnum):
    """Whether a node obeys the settings that were declared."""

    AS_DECLARED = "as declared"
    CHANGED_BY_HAND = "changed by hand"
    NOT_LOADED = "not loaded"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A node as it shall be.

    Attributes:
        region: Its region's name.
        name: Its name within the region.
        directory: Its own directory; identifies it.
        command: The server's executable with leading arguments.
        settings: What its `rucket.toml` says.
        start_timeout_s: How long it may take until it is ready.
        image: The container image that it runs from; None for a process of this machine.
    """

    region: str
    name: str
    directory: Path
    command: tuple[str, ...]
    settings: ServerSettings
    start_timeout_s: float
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """A node as it is.

    Attributes:
        pid: Of the supervisor process; None unless there is one.
    """

    status: NodeStatus
    config: ConfigStatus
    pid: int | None


class Substrate(Protocol):
    """Runs nodes. Every method may be repeated, also after it was cut off at any point."""

    def ensure(self, plan: NodePlan) -> Observation:
        """Make the node run exactly as planned; leave it alone if it does.

        Raises:
            PortInUse: Somebody else holds one of its ports.
            NodeStartFailed: It ended, or was not ready in time.
        """

    def observe(self, plan: NodePlan) -> Observation:
        """Look at the node without touching it."""

    def status(self, directory: Path, endpoint: str) -> tuple[NodeStatus, int | None]:
        """Tell whether the node runs, and its pid, without knowing what was planned."""

    def remove(self, directory: Path, data_dir: Path, *, delete_data: bool) -> None:
        """Stop the node and forget it; keep its data and credentials unless told otherwise."""
