"""The topology of a deployment: which regions, which nodes, on which ports.

Values with their invariants and nothing else: no file, no Pulumi, no process. `settings_file`
reads one from a stack file and writes a node's `rucket.toml` from it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from rucket_platform.errors import TopologyError

if TYPE_CHECKING:
    from collections.abc import Mapping

SettingValue: TypeAlias = str | int | float | bool | list[str]
"""A value of the server's `rucket.toml`."""

DEFAULT_ACCESS_KEY_ID = "rucket"
DEFAULT_SECRET_ACCESS_KEY = "rucket123"

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
# Settings that name files, besides those that the topology owns.
_PATHS = (
    ("server", "tls_cert"),
    ("server", "tls_key"),
    ("storage", "devices"),
    ("storage.encryption", "key_file"),
)
# The general S3 rule, so that a wrong name fails before anything runs.
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class DataRemoval(StrEnum):
    """What happens to a node's data when the node is destroyed."""

    KEEP = "keep"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Device:
    """A place where a node keeps data.

    Attributes:
        path: A directory; relative paths lie in the node's own directory.
    """

    path: str = "data"


@dataclass(frozen=True, slots=True)
class Node:
    """One member of a region.

    Attributes:
        name: Unique within the region.
        port: S3 and admin API.
        metrics_port: `/metrics`.
        devices: Where its data lies.
    """

    name: str
    port: int
    metrics_port: int
    devices: tuple[Device, ...] = (Device(),)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A region's root credentials, when they are given instead of generated."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @property
    def are_default(self) -> bool:
        """True if anybody who read the manual knows one of them."""
        return (
            self.access_key_id == DEFAULT_ACCESS_KEY_ID
            or self.secret_access_key == DEFAULT_SECRET_ACCESS_KEY
        )


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket that the deployment declares.

    Attributes:
        force_destroy: Whether destroying it may delete the objects in it.
    """

    name: str
    force_destroy: bool = False


@dataclass(frozen=True, slots=True)
class User:
    """A user that the deployment declares.

    Attributes:
        access_keys: How many access keys it gets.
    """

    name: str
    display_name: str | None = None
    email: str | None = None
    access_keys: int = 1


@dataclass(frozen=True, slots=True)
class Region:
    """One region: independent of the others until replication between regions exists.

    Attributes:
        name: Names the region in this deployment.
        s3_region: What clients sign for; `name` if not given.
        settings: Sections of `rucket.toml`, deployment-wide ones already merged in.
        credentials: Root credentials; None to have them generated.
    """

    name: str
    s3_region: str
    nodes: tuple[Node, ...]
    settings: Mapping[str, Mapping[str, SettingValue]] = field(default_factory=dict)
    credentials: Credentials | None = None
    buckets: tuple[Bucket, ...] = ()
    users: tuple[User, ...] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    """A whole deployment.

    Attributes:
        regions: At least one, in the order of the stack file.
        bind: The address that every node listens on.
        data: What `destroy` does with the data.
        start_timeout_s: How long a node may take until it is ready.
        image: The container image that nodes run from; None for processes of this machine.
    """

    regions: tuple[Region, ...]
    bind: str = "127.0.0.1"
    data: DataRemoval = DataRemoval.KEEP
    start_timeout_s: float = 60.0
    image: str | None = None


def validate(topology: Topology) -> None:
    """Check what must hold between the parts.

    Raises:
        TopologyError: Naming the first key that is wrong.
    """
    if not topology.regions:
        raise TopologyError("regions", "declare at least one region")
    if topology.start_timeout_s <= 0:
        raise TopologyError("start_timeout_s", "must be above 0 seconds")
    _check_address(topology.bind)
    _check_unique([region.name for region in topology.regions], "regions", "name")
    for position, region in enumerate(topology.regions):
        _check_region(region, f"regions[{position}]", loopback=is_loopback(topology.bind))
    _check_ports(topology)
    if topology.image is not None:
        _check_containers(topology)


def is_loopback(address: str) -> bool:
    """Tell whether only this machine can reach `address`."""
    return address == "localhost" or ipaddress.ip_address(address).is_loopback


def _check_address(address: str) -> None:
    if address == "localhost":
        return
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise TopologyError("bind", f"{address!r} is not an IP address") from None


def _check_region(region: Region, path: str, *, loopback: bool) -> None:
    _check_name(region.name, f"{path}.name")
    _check_name(region.s3_region, f"{path}.s3_region")
    if not region.nodes:
        raise TopologyError(f"{path}.nodes", "declare one node")
    if len(region.nodes) > 1:
        raise TopologyError(
            f"{path}.nodes",
            f"{len(region.nodes)} nodes declared, but more than one node in a region needs the "
            f"cluster, which doesn't exist yet; declare one",
        )
    for position, node in enumerate(region.nodes):
        _check_node(node, f"{path}.nodes[{position}]")
    if region.credentials is not None:
        _check_credentials(region.credentials, f"{path}.credentials", loopback=loopback)
    _check_buckets(region, path)
    _check_users(region, path)


def _check_node(node: Node, path: str) -> None:
    _check_name(node.name, f"{path}.name")
    for key, port in (("port", node.port), ("metrics_port", node.metrics_port)):
        if not 1 <= port <= 65535:
            raise TopologyError(f"{path}.{key}", f"{port} is not a port (1 to 65535)")
    if len(node.devices) != 1:
        raise TopologyError(
            f"{path}.devices",
            f"{len(node.devices)} devices declared, but the server keeps a node's data in one "
            f"directory so far; declare one",
        )
    if not node.devices[0].path:
        raise TopologyError(f"{path}.devices[0].path", "must not be empty")


def _check_credentials(credentials: Credentials, path: str, *, loopback: bool) -> None:
    if not credentials.access_key_id or not credentials.secret_access_key:
        raise TopologyError(path, "access_key_id and secret_access_key must not be empty")
    if credentials.are_default and not loopback:
        raise TopologyError(
            path,
            "the default credentials are allowed on loopback only; "
            "leave them out to have some generated",
        )


def _check_containers(topology: Topology) -> None:
    for position, region in enumerate(topology.regions):
        path = f"regions[{position}]"
        if region.credentials is not None and region.credentials.are_default:
            raise TopologyError(
                f"{path}.credentials",
                "a container's server can't tell who reaches it and refuses the default "
                "credentials; leave them out to have some generated",
            )
        for section, key in _PATHS:
            if key in region.settings.get(section, {}):
                raise TopologyError(
                    f"{path}.settings.{section}.{key}",
                    "names a file of this machine, which a container doesn't see; "
                    "run this region's nodes as processes",
                )


def _check_buckets(region: Region, path: str) -> None:
    _check_unique([bucket.name for bucket in region.buckets], f"{path}.buckets", "name")
    for position, bucket in enumerate(region.buckets):
        if not _BUCKET_NAME.fullmatch(bucket.name):
            raise TopologyError(
                f"{path}.buckets[{position}].name",
                f"{bucket.name!r} is not a bucket name (3 to 63 of a-z, 0-9, '.', '-')",
            )


def _check_users(region: Region, path: str) -> None:
    _check_unique([user.name for user in region.users], f"{path}.users", "name")
    for position, user in enumerate(region.users):
        if not user.name:
            raise TopologyError(f"{path}.users[{position}].name", "must not be empty")
        if user.access_keys < 0:
            raise TopologyError(f"{path}.users[{position}].access_keys", "must be 0 or more")


def _check_name(name: str, path: str) -> None:
    if not _NAME.fullmatch(name):
        raise TopologyError(
            path, f"{name!r} is not a name (1 to 40 of a-z, 0-9 and '-', no '-' at either end)"
        )


def _check_unique(names: list[str], path: str, key: str) -> None:
    for position, name in enumerate(names):
        first = names.index(name)
        if first < position:
            raise TopologyError(
                f"{path}[{position}].{key}", f"{name!r} is also the {key} of {path}[{first}]"
            )


def _check_ports(topology: Topology) -> None:
    taken: dict[int, str] = {}
    for region_position, region in enumerate(topology.regions):
        for node_position, node in enumerate(region.nodes):
            path = f"regions[{region_position}].nodes[{node_position}]"
            for key, port in (("port", node.port), ("metrics_port", node.metrics_port)):
                if port in taken:
                    raise TopologyError(f"{path}.{key}", f"port {port} is also {taken[port]}")
                taken[port] = f"{path}.{key}"
