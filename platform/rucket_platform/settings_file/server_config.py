"""Writes the `rucket.toml` of one node.

The text is a function of the settings alone, key order included, so that comparing two texts
tells whether a node's settings changed. It holds the root secret: whoever stores it does so
readable by its owner only.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket_platform.topology import SettingValue

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_HEADER = (
    "# Written by the deployment; change the stack file instead: the next `up` overwrites this.\n"
)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Everything that a node's `rucket.toml` says.

    Attributes:
        data_dir: Absolute.
        sections: Further settings by section; they don't repeat what the other fields say.
    """

    bind: str
    port: int
    metrics_port: int
    s3_region: str
    data_dir: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    sections: Mapping[str, Mapping[str, SettingValue]] = field(default_factory=dict)


def render(settings: ServerSettings) -> str:
    """Write the TOML text."""
    sections: dict[str, dict[str, SettingValue]] = {
        "server": {
            "bind": join_address(settings.bind, settings.port),
            "region": settings.s3_region,
        },
        "storage": {"data_dir": settings.data_dir},
        "auth": {
            "access_key": settings.access_key_id,
            "secret_key": settings.secret_access_key,
        },
        "metrics": {"enabled": True, "bind": settings.bind, "port": settings.metrics_port},
    }
    for name, values in settings.sections.items():
        sections.setdefault(name, {}).update(values)
    # Sorted: the engine gives no order to what it stored.
    blocks = [_section(name, values) for name, values in sorted(sections.items()) if values]
    return _HEADER + "".join(blocks)


def join_address(host: str, port: int) -> str:
    """Write `host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _section(name: str, values: Mapping[str, SettingValue]) -> str:
    path = ".".join(_key(part) for part in name.split("."))
    lines = [f"{_key(key)} = {_value(value)}" for key, value in sorted(values.items())]
    return f"\n[{path}]\n" + "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _text(key)


def _value(value: SettingValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    if isinstance(value, str):
        return _text(value)
    return repr(value)


def _text(text: str) -> str:
    # A TOML basic string escapes like JSON's, but knows no surrogate pairs, and forbids DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
