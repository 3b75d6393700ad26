"""TOML writer for tests that need a configuration file; the standard library only reads TOML.

Source: TOML 1.0. Writes what a configuration of sections needs: plain values, lists of plain
values, tables and lists of tables.
"""

import tomllib
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Toml: TypeAlias = str | int | float | bool | Sequence["Toml"] | Mapping[str, "Toml"]


def to_toml(config: Mapping[str, Toml]) -> str:
    """Write sections of values, lists and lists of tables as TOML; read back to be sure."""
    lines: list[str] = []
    for section, values in config.items():
        _write_table(lines, section, values)
    text = "\n".join(lines) + "\n"
    tomllib.loads(text)
    return text


def _write_table(lines: list[str], name: str, values: Toml) -> None:
    if not isinstance(values, Mapping):
        raise TypeError(f"{name} must be a table")
    tables = {key: value for key, value in values.items() if _is_table(value)}
    lines.append(f"[{name}]")
    lines.extend(f"{k} = {_literal(v)}" for k, v in values.items() if k not in tables)
    for key, value in tables.items():
        if isinstance(value, Mapping):
            _write_table(lines, f"{name}.{key}", value)
            continue
        for row in _rows(value):
            lines.append(f"[[{name}.{key}]]")
            lines.extend(f"{k} = {_literal(v)}" for k, v in row.items())


def _is_table(value: Toml) -> bool:
    return isinstance(value, Mapping) or bool(_rows(value))


def _rows(value: Toml) -> list[Mapping[str, Toml]]:
    """The tables of a list of tables; nothing for any other value."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return []
    rows = [row for row in value if isinstance(row, Mapping)]
    return rows if len(rows) == len(value) else []


def _literal(value: Toml) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, Sequence):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {_literal(v)}" for k, v in value.items()) + " }"
    return str(value)
