"""`rucket:platform:Node`: one server process with its settings and its data.

Which change does what:

| changed                                        | effect                                 |
|------------------------------------------------|----------------------------------------|
| directory, region, node, s3_region, data_dir   | replacement, the old one first         |
| bind, ports, credentials, settings, command,   | in place: restart with new settings,   |
| image                                          | as a process or from the image         |
| data, start_timeout_s                          | in place: nothing restarts             |
| status, config (found by refresh)              | in place: heal                         |
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from rucket_platform.clients.admin import AdminClient
from rucket_platform.clients.connection import Connection
from rucket_platform.errors import AdminApiError, ResourceRefused, ServerUnreachable
from rucket_platform.provider.properties import UNKNOWN, Properties, is_unknown
from rucket_platform.provider.resource_kind import Effect, Found, changed
from rucket_platform.settings_file.server_config import ServerSettings, join_address
from rucket_platform.substrates.container_files import ContainerFiles
from rucket_platform.substrates.node_files import NodeFiles
from rucket_platform.substrates.substrate import (
    ConfigStatus,
    NodePlan,
    NodeStatus,
    Observation,
    Substrate,
)
from rucket_platform.topology import DEFAULT_ACCESS_KEY_ID, DataRemoval, is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

_REPLACING = ("directory", "region", "node", "s3_region", "data_dir")
_RESTARTING = (
    "bind",
    "port",
    "metrics_port",
    "access_key_id",
    "secret_access_key",
    "sections",
    "command",
    "image",
)
_QUIET = ("data", "start_timeout_s")
_DESIRED = {"status": NodeStatus.RUNNING.value, "config": ConfigStatus.AS_DECLARED.value}


class NodeKind:
    """Nodes on one substrate."""

    token = "rucket:platform:Node"
    secrets = frozenset({"secret_access_key"})
    inputs: Mapping[str, bool] = {
        **dict.fromkeys((*_REPLACING, *_RESTARTING, *_QUIET), True),
        "sections": False,
        "image": False,
    }
    desired: Mapping[str, str] = _DESIRED

    def __init__(self, substrate: Substrate) -> None:
        self._substrate = substrate

    def check(self, inputs: Properties) -> dict[str, str]:
        """Refuse what could only fail later."""
        wrong: dict[str, str] = {}
        for key in ("directory", "data_dir"):
            if not is_unknown(inputs[key]) and not Path(inputs[key]).is_absolute():
                wrong[key] = "must be an absolute path"
        if not is_unknown(inputs["data"]) and inputs["data"] not in tuple(DataRemoval):
            wrong["data"] = "must be keep or delete"
        if inputs["access_key_id"] == DEFAULT_ACCESS_KEY_ID and not is_loopback(inputs["bind"]):
            wrong["access_key_id"] = "the default credentials are allowed on loopback only"
        if inputs["access_key_id"] == DEFAULT_ACCESS_KEY_ID and inputs.get("image") is not None:
            wrong["access_key_id"] = "the default credentials are not allowed in containers"
        return wrong

    def diff(self, state: Properties, inputs: Properties) -> dict[str, Effect]:
        """Tell what differs from what was declared last, or was found by refresh."""
        in_place = changed((*_RESTARTING, *_QUIET, *_DESIRED), state, inputs)
        replacing = changed(_REPLACING, state, inputs)
        return dict.fromkeys(in_place, Effect.UPDATE) | dict.fromkeys(replacing, Effect.REPLACE)

    def preview(self, state: Properties, inputs: Properties) -> Properties:
        """Predict; a restart gives a pid that nobody knows yet."""
        restarts = not state or bool(changed((*_RESTARTING, *_DESIRED), state, inputs))
        return {
            **inputs,
            **_addresses(inputs),
            "pid": UNKNOWN if restarts else state["pid"],
            "version": UNKNOWN if restarts else state["version"],
        }

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Start the node, or take over one that already runs as declared."""
        return inputs["directory"], self._ensured(inputs)

    def update(self, resource_id: str, state: Properties, inputs: Properties) -> Properties:
        """Restart the node with its new settings, if they are new; heal it."""
        del resource_id, state
        return self._ensured(inputs)

    def read(self, resource_id: str, state: Properties, inputs: Properties) -> Found | None:
        """Look whether it runs, and with the settings that were declared."""
        declared = inputs if state else _imported(Path(resource_id))
        seen = self._substrate.observe(_plan(declared))
        if seen.status is NodeStatus.ABSENT and not Path(declared["data_dir"]).exists():
            return None
        return Found(state=_state(declared, seen), inputs=declared)

    def delete(self, resource_id: str, state: Properties) -> None:
        """Stop the node and do with its data as declared."""
        self._substrate.remove(
            Path(resource_id),
            Path(state["data_dir"]),
            delete_data=state["data"] == DataRemoval.DELETE,
        )

    def _ensured(self, inputs: Properties) -> Properties:
        plan = _plan(inputs)
        seen = self._substrate.ensure(plan)
        return _state(inputs, seen)


def _plan(inputs: Properties) -> NodePlan:
    return NodePlan(
        region=inputs["region"],
        name=inputs["node"],
        directory=Path(inputs["directory"]),
        command=tuple(inputs["command"]),
        settings=ServerSettings(
            bind=inputs["bind"],
            port=inputs["port"],
            metrics_port=inputs["metrics_port"],
            s3_region=inputs["s3_region"],
            data_dir=inputs["data_dir"],
            access_key_id=inputs["access_key_id"],
            secret_access_key=inputs["secret_access_key"],
            sections=inputs.get("sections") or {},
        ),
        start_timeout_s=float(inputs["start_timeout_s"]),
        image=inputs.get("image"),
    )


def _state(inputs: Properties, seen: Observation) -> Properties:
    return {
        **inputs,
        **_addresses(inputs),
        "status": seen.status.value,
        "config": seen.config.value,
        "pid": seen.pid,
        "version": _version(inputs) if seen.status is NodeStatus.RUNNING else None,
    }


def _addresses(inputs: Properties) -> Properties:
    address = join_address(inputs["bind"], inputs["port"])
    metrics = join_address(inputs["bind"], inputs["metrics_port"])
    return {"endpoint": f"http://{address}", "metrics": f"http://{metrics}/metrics"}


def _version(inputs: Properties) -> str | None:
    connection = Connection(
        _addresses(inputs)["endpoint"],
        inputs["s3_region"],
        inputs["access_key_id"],
        inputs["secret_access_key"],
    )
    try:
        return AdminClient(connection).info().version
    except (AdminApiError, ServerUnreachable):
        # A node that was changed by hand may know other credentials: that is drift to be
        # healed, not a reason to fail a refresh.
        return None


def _imported(directory: Path) -> Properties:
    """Describe a node that runs outside the stack, from its own `rucket.toml`."""
    try:
        text = (directory / "rucket.toml").read_text(encoding="utf-8")
    except OSError as error:
        raise ResourceRefused(
            f"nothing to import: the id of a node is its directory, with a rucket.toml in it "
            f"({error})"
        ) from error
    sections = tomllib.loads(text)
    bind, _, port = sections["server"].pop("bind").rpartition(":")
    container = ContainerFiles(directory).read_record()
    return {
        "directory": str(directory),
        "region": directory.parent.name,
        "node": directory.name,
        "s3_region": sections["server"].pop("region"),
        "data_dir": sections["storage"].pop("data_dir"),
        "bind": bind.strip("[]") if container is None else container.bind,
        "port": int(port),
        "metrics_port": sections.pop("metrics")["port"],
        "access_key_id": sections["auth"].pop("access_key"),
        "secret_access_key": sections["auth"].pop("secret_key"),
        "sections": {name: values for name, values in sections.items() if values},
        "command": _imported_command(directory) if container is None else [],
        "image": None if container is None else container.image,
        "data": DataRemoval.KEEP.value,
        "start_timeout_s": 60,
    }


def _imported_command(directory: Path) -> list[str]:
    record = NodeFiles(directory).read_record()
    return ["rucket"] if record is None else list(record.command)
