"""Reads a topology from the `rucket:topology` object of a Pulumi stack file.

```yaml
config:
  rucket:topology:
    data: keep                    # or delete: what `destroy` does with the data
    bind: 127.0.0.1
    substrate: processes          # or containers, then also image: what `make image` has built
    settings:                     # sections of rucket.toml, for every region
      logging: {level: info}
    regions:
      - name: eu
        settings: {server: {workers: 2}}
        nodes:
          - {name: eu-1, port: 9000, metrics_port: 9001}
        buckets:
          - {name: photos}
        users:
          - {name: alice, display_name: Alice}
```

A key that is not known is an error that names it, never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from rucket_platform.errors import TopologyError
from rucket_platform.topology import (
    Bucket,
    Credentials,
    DataRemoval,
    Device,
    Node,
    Region,
    SettingValue,
    Topology,
    User,
    validate,
)

_PROCESSES = "processes"
_CONTAINERS = "containers"
_DEFAULT_IMAGE = "rucket:latest"

Settings = dict[str, dict[str, SettingValue]]
_Part = TypeVar("_Part")

# What the topology says in its own words must not be said a second time in `settings`.
_OWNED_SETTINGS: Mapping[tuple[str, str], str] = {
    ("server", "bind"): "the topology's bind and the node's port",
    ("server", "region"): "the region's s3_region",
    ("storage", "data_dir"): "the node's devices",
    ("auth", "access_key"): "the region's credentials",
    ("auth", "secret_key"): "the region's credentials",
    ("auth", "users"): "the region's users",
    ("metrics", "bind"): "the topology's bind",
    ("metrics", "port"): "the node's metrics_port",
    ("metrics", "enabled"): "the topology (metrics are always on)",
}


@dataclass(slots=True)
class _Table:
    """A mapping being read; remembers which keys were asked for."""

    values: Mapping[str, object]
    path: str
    known: set[str] = field(default_factory=set)

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str) -> object:
        self.known.add(key)
        return self.values.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        value = self.optional_text(key)
        if value is not None:
            return value
        if default is None:
            raise TopologyError(self.at(key), "is missing")
        return default

    def optional_text(self, key: str) -> str | None:
        value = self.take(key)
        if value is None or isinstance(value, str):
            return value
        raise TopologyError(self.at(key), f"must be a text, not {value!r}")

    def integer(self, key: str, default: int | None = None) -> int:
        value = self.take(key)
        if value is None:
            if default is None:
                raise TopologyError(self.at(key), "is missing")
            return default
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        # Pulumi hands back whole numbers of a stack file as floats.
        if isinstance(value, float) and value.is_integer():
            return int(value)
        raise TopologyError(self.at(key), f"must be a whole number, not {value!r}")

    def number(self, key: str, default: float) -> float:
        value = self.take(key)
        if value is None:
            return default
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        raise TopologyError(self.at(key), f"must be a number, not {value!r}")

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise TopologyError(self.at(key), f"must be true or false, not {value!r}")

    def tables(self, key: str) -> Iterator[_Table]:
        value = self.take(key)
        if value is None:
            return
        if not isinstance(value, list):
            raise TopologyError(self.at(key), "must be a list")
        for position, item in enumerate(value):
            yield _table(item, f"{self.at(key)}[{position}]")

    def optional_table(self, key: str) -> _Table | None:
        value = self.take(key)
        return None if value is None else _table(value, self.at(key))

    def finish(self) -> None:
        """Refuse what nobody asked for."""
        for key in self.values:
            if key not in self.known:
                raise TopologyError(
                    self.at(key), f"is not known here; known are {', '.join(sorted(self.known))}"
                )


def read_topology(config: object) -> Topology:
    """Read and validate the `rucket:topology` object.

    Raises:
        TopologyError: Naming the first key that is wrong.
    """
    table = _table(config, "")
    shared = _settings(table.take("settings"), "settings")
    topology = Topology(
        bind=table.text("bind", "127.0.0.1"),
        data=_data_removal(table),
        start_timeout_s=table.number("start_timeout_s", 60.0),
        image=_image(table),
        regions=_parts(table, "regions", lambda part: _region(part, shared)),
    )
    table.finish()
    validate(topology)
    return topology


def _table(value: object, path: str) -> _Table:
    if not isinstance(value, Mapping):
        raise TopologyError(path or "rucket:topology", "must be a mapping")
    return _Table({str(key): item for key, item in value.items()}, path)


def _parts(table: _Table, key: str, read: Callable[[_Table], _Part]) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    for part in table.tables(key):
        parts.append(read(part))
        part.finish()
    return tuple(parts)


def _data_removal(table: _Table) -> DataRemoval:
    value = table.text("data", DataRemoval.KEEP)
    try:
        return DataRemoval(value)
    except ValueError:
        raise TopologyError(table.at("data"), f"must be keep or delete, not {value!r}") from None


def _image(table: _Table) -> str | None:
    substrate = table.text("substrate", _PROCESSES)
    image = table.optional_text("image")
    if substrate == _PROCESSES:
        if image is not None:
            raise TopologyError(table.at("image"), f"is for substrate: {_CONTAINERS} only")
        return None
    if substrate != _CONTAINERS:
        raise TopologyError(
            table.at("substrate"), f"must be {_PROCESSES} or {_CONTAINERS}, not {substrate!r}"
        )
    if image == "":
        raise TopologyError(table.at("image"), "must not be empty")
    return image or _DEFAULT_IMAGE


def _region(table: _Table, shared: Settings) -> Region:
    name = table.text("name")
    return Region(
        name=name,
        s3_region=table.text("s3_region", name),
        nodes=_parts(table, "nodes", _node),
        settings=_merged(shared, _settings(table.take("settings"), table.at("settings"))),
        credentials=_credentials(table),
        buckets=_parts(table, "buckets", _bucket),
        users=_parts(table, "users", _user),
    )


def _node(table: _Table) -> Node:
    devices = _parts(table, "devices", lambda part: Device(part.text("path")))
    return Node(
        name=table.text("name"),
        port=table.integer("port"),
        metrics_port=table.integer("metrics_port"),
        devices=devices if "devices" in table.values else (Device(),),
    )


def _credentials(table: _Table) -> Credentials | None:
    part = table.optional_table("credentials")
    if part is None:
        return None
    credentials = Credentials(part.text("access_key_id"), part.text("secret_access_key"))
    part.finish()
    return credentials


def _bucket(table: _Table) -> Bucket:
    return Bucket(table.text("name"), table.flag("force_destroy"))


def _user(table: _Table) -> User:
    return User(
        name=table.text("name"),
        display_name=table.optional_text("display_name"),
        email=table.optional_text("email"),
        access_keys=table.integer("access_keys", 1),
    )


def _settings(value: object, path: str) -> Settings:
    if value is None:
        return {}
    sections: Settings = {}
    for section, entries in _table(value, path).values.items():
        section_path = f"{path}.{section}"
        table = _table(entries, section_path)
        sections[section] = {
            key: _setting(section, key, entry, table.at(key)) for key, entry in table.values.items()
        }
    return sections


def _setting(section: str, key: str, value: object, path: str) -> SettingValue:
    owner = _OWNED_SETTINGS.get((section, key))
    if owner is not None:
        raise TopologyError(path, f"is set by {owner}")
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [str(item) for item in value]
    raise TopologyError(path, f"must be a text, a number, true or false, or texts, not {value!r}")


def _merged(shared: Settings, own: Settings) -> Settings:
    return {
        section: {**shared.get(section, {}), **own.get(section, {})}
        for section in sorted({*shared, *own})
    }
