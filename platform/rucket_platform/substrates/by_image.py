"""Local processes, or containers where a plan names an image; one may become the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rucket_platform.substrates.container_files import ContainerFiles
from rucket_platform.substrates.containers import Containers
from rucket_platform.substrates.local_process import LocalProcesses

if TYPE_CHECKING:
    from rucket_platform.substrates.substrate import NodePlan, NodeStatus, Observation, Substrate


class ByImage:
    """The substrate of a single machine. It needs an engine only where a container is, or shall be.

    What a node's directory records tells where it runs.
    """

    def __init__(self) -> None:
        self._processes = LocalProcesses()
        self._containers = Containers()

    def ensure(self, plan: NodePlan) -> Observation:
        """Make the node run exactly as planned; see `Substrate`."""
        in_container = _in_container(plan.directory)
        if in_container != (plan.image is not None):
            # It has to give up ports and data before the other may take them.
            present: Substrate = self._containers if in_container else self._processes
            data_dir = Path(plan.settings.data_dir)
            present.remove(plan.directory, data_dir, delete_data=False)
        planned: Substrate = self._processes if plan.image is None else self._containers
        return planned.ensure(plan)

    def observe(self, plan: NodePlan) -> Observation:
        """Look at the node without touching it; see `Substrate`."""
        return self._present(plan.directory).observe(plan)

    def status(self, directory: Path, endpoint: str) -> tuple[NodeStatus, int | None]:
        """Tell whether the node runs; see `Substrate`."""
        return self._present(directory).status(directory, endpoint)

    def remove(self, directory: Path, data_dir: Path, *, delete_data: bool) -> None:
        """Stop the node and forget it; see `Substrate`."""
        self._present(directory).remove(directory, data_dir, delete_data=delete_data)

    def _present(self, directory: Path) -> Substrate:
        return self._containers if _in_container(directory) else self._processes


def _in_container(directory: Path) -> bool:
    return ContainerFiles(directory).record.exists()
