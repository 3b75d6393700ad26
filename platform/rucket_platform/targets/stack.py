"""A region that `make up` brought up, as a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket_platform.stacks.automation import Engine
from rucket_platform.stacks.outputs import find_region, read_outputs
from rucket_platform.stacks.workspace import open_workspace
from rucket_platform.targets.target import Account, Target
from rucket_platform.tools.install import ensure_tools

if TYPE_CHECKING:
    from rucket_platform.stacks.outputs import RegionOutputs
    from rucket_platform.tools.progress import Progress


def region_target(stack: str, region_name: str | None, progress: Progress) -> Target:
    """A region of a stack that is up; without a name, the only one it has.

    Raises:
        StackError: The stack isn't up, or it can't be told which region is meant.
    """
    engine = Engine(open_workspace(stack), ensure_tools(progress), progress)
    region = find_region(read_outputs(engine.outputs()), region_name)
    return target_of(stack, region)


def target_of(stack: str, region: RegionOutputs) -> Target:
    """The target that a region's outputs describe: root first, then its users."""
    root = Account("root", region.access_key_id, region.secret_access_key)
    users = tuple(
        Account(user.name, *user.access_keys[0]) for user in region.users if user.access_keys
    )
    return Target(
        name=f"{stack}/{region.name}",
        endpoints=region.endpoints,
        s3_region=region.s3_region,
        accounts=(root, *users),
        metrics=region.metrics,
    )
