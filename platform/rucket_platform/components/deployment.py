"""`rucket:platform:Deployment`: all regions of a topology."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from rucket_platform.components.region import Region, RegionArgs

if TYPE_CHECKING:
    from pathlib import Path

    from rucket_platform.topology import Topology


@dataclass(frozen=True, slots=True)
class DeploymentArgs:
    """What to deploy, and where its files go.

    Attributes:
        topology: Validated.
        directory: Holds a directory per region; absolute.
        command: The server's executable with leading arguments.
    """

    topology: Topology
    directory: Path
    command: tuple[str, ...]


class Deployment(pulumi.ComponentResource):
    """Regions, independent of each other until replication between regions exists.

    Attributes:
        regions: Each region's outputs, by its name.
    """

    regions: dict[str, dict[str, pulumi.Input[Any]]]

    def __init__(
        self, name: str, args: DeploymentArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("rucket:platform:Deployment", name, None, opts)
        topology = args.topology
        self.regions = {
            region.name: Region(
                region.name,
                RegionArgs(
                    region=region,
                    directory=args.directory / region.name,
                    command=args.command,
                    bind=topology.bind,
                    data=topology.data,
                    start_timeout_s=topology.start_timeout_s,
                    image=topology.image,
                ),
                pulumi.ResourceOptions(parent=self),
            ).outputs
            for region in topology.regions
        }
        self.register_outputs({"regions": self.regions})
