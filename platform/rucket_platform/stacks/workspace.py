"""Where a stack's things lie, and the environment in which the engine works on it.

```
<state>/                          .rucket in the checkout, or RUCKET_STATE_DIR
├── pulumi/passphrase             0600, generated; encrypts the secrets in the state
├── pulumi/state/                 the engine's file backend
├── pulumi/home/                  the engine's own files (PULUMI_HOME)
└── <stack>/<region>/…            what the substrate keeps
```

`make up` and a `pulumi up` typed by hand work in the same environment, so on the same stack.
"""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rucket_platform.errors import StackError
from rucket_platform.substrates.node_files import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket_platform.tools.pinned import ToolSet

PROJECT = "rucket"
DEFAULT_STACK = "local"
_PASSPHRASE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Workspace:
    """One stack of one checkout.

    Attributes:
        infra: The Pulumi project.
        state: Where everything that must survive lies.
        stack: The stack's name, which names its stack file.
    """

    infra: Path
    state: Path
    stack: str

    @property
    def stack_file(self) -> Path:
        """The stack's topology."""
        return self.infra / f"Pulumi.{self.stack}.yaml"

    @property
    def backend(self) -> Path:
        """The engine's file backend."""
        return self.state / "pulumi" / "state"

    @property
    def passphrase_file(self) -> Path:
        """Encrypts the secrets in the state."""
        return self.state / "pulumi" / "passphrase"

    @property
    def checkpoint(self) -> Path:
        """The engine's record of the stack; there is none before the first `up`."""
        return self.backend / ".pulumi" / "stacks" / PROJECT / f"{self.stack}.json"

    @property
    def locks(self) -> Path:
        """Holds a file while the engine works on the stack."""
        return self.backend / ".pulumi" / "locks" / "organization" / PROJECT / self.stack

    @property
    def engine_log(self) -> Path:
        """All that the engine said the last time."""
        return self.state / self.stack / "engine.log"


def open_workspace(stack: str | None) -> Workspace:
    """Find the workspace of this checkout.

    Raises:
        StackError: There is no stack file of that name.
    """
    repository = Path(__file__).resolve().parents[3]
    infra = Path(os.environ.get("RUCKET_INFRA_DIR") or repository / "infra").absolute()
    state = Path(os.environ.get("RUCKET_STATE_DIR") or infra.parent / ".rucket").absolute()
    workspace = Workspace(infra, state, stack or DEFAULT_STACK)
    if not workspace.stack_file.exists():
        known = sorted(path.name.split(".")[1] for path in infra.glob("Pulumi.*.yaml"))
        raise StackError(
            f"there is no {workspace.stack_file}; stacks are {', '.join(known) or '(none)'}"
        )
    return workspace


def prepare(workspace: Workspace) -> None:
    """Make the directories and the passphrase; a lost passphrase is never replaced silently.

    Raises:
        StackError: There is a stack, but the passphrase that opens it is gone.
    """
    for directory in (workspace.state, workspace.backend.parent, workspace.backend):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if workspace.passphrase_file.exists():
        return
    if workspace.checkpoint.exists():
        raise StackError(
            f"{workspace.passphrase_file} is gone, and without it the secrets of the stack can't "
            f"be read. Put it back. Or start over: end what runs, remove {workspace.backend}, "
            f"and run `up`; data and credentials beside the nodes are taken up again"
        )
    write_private(workspace.passphrase_file, secrets.token_urlsafe(_PASSPHRASE_BYTES) + "\n")


def environment(workspace: Workspace, tools: ToolSet) -> Mapping[str, str]:
    """List what the engine needs, to be laid over the caller's environment."""
    path = [str(Path(sys.executable).parent), str(tools.directory)]
    inherited = [part for part in os.environ.get("PATH", "").split(os.pathsep) if part not in path]
    return {
        "PATH": os.pathsep.join([*path, *inherited]),
        "PULUMI_BACKEND_URL": f"file://{workspace.backend}",
        "PULUMI_HOME": str(workspace.state / "pulumi" / "home"),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(workspace.passphrase_file),
        "PULUMI_STACK": workspace.stack,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        # Secrets are opened by what the state says, so that the stack file need not say it.
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "RUCKET_PYTHON": sys.executable,
        "RUCKET_STATE_DIR": str(workspace.state),
    }


# These would win over what `environment` says.
OVERRIDING_VARIABLES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN")
