"""The Pulumi program: reads the stack's topology, deploys it, exports its regions."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from rucket_platform.components.deployment import Deployment, DeploymentArgs
from rucket_platform.errors import TopologyError
from rucket_platform.settings_file.stack_config import read_topology

if TYPE_CHECKING:
    from rucket_platform.topology import Topology

REPOSITORY = Path(__file__).resolve().parent.parent


def stack_topology() -> Topology:
    """Read `rucket:topology`; secret values in it arrive decrypted."""
    text = pulumi.runtime.config.get_config("rucket:topology")
    if text is None:
        raise TopologyError("rucket:topology", f"is missing in Pulumi.{pulumi.get_stack()}.yaml")
    return read_topology(json.loads(text))


def main() -> None:
    """Declare the deployment."""
    try:
        topology = stack_topology()
    except TopologyError as error:
        pulumi.log.error(f"Pulumi.{pulumi.get_stack()}.yaml: {error}")
        sys.exit(1)
    state = Path(os.environ.get("RUCKET_STATE_DIR") or REPOSITORY / ".rucket").absolute()
    server = os.environ.get("RUCKET_SERVER") or str(REPOSITORY / ".venv" / "bin" / "rucket")
    deployment = Deployment(
        pulumi.get_stack(),
        DeploymentArgs(
            topology=topology,
            directory=state / pulumi.get_stack(),
            command=(server,),
        ),
    )
    pulumi.export("regions", deployment.regions)


main()
