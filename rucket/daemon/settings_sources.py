"""Where settings come from: a file, then the environment, then the command line; the last wins.

The file is the one that ``-c`` names, else ``./rucket.toml``, else ``/etc/rucket/rucket.toml``,
else none. A variable ``RUCKET__SECTION__FIELD`` sets ``[section] field``. Each source is checked by
itself for keys that nobody knows, so that an error says where they stand; a file and a variable for
the cluster, which does not exist yet, are refused for that reason and not as a slip of the pen.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_settings import EnvSettingsSource, TomlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError

from rucket.daemon.settings import (
    ENVIRONMENT_DELIMITER,
    ENVIRONMENT_PREFIX,
    Settings,
)
from rucket.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SETTINGS_FILES: Final = (Path("rucket.toml"), Path("/etc/rucket/rucket.toml"))

NO_CLUSTER_YET: Final = (
    "this Rucket runs as a single node; clusters don't exist yet, "
    "so that a setting for them can't be obeyed: leave it out"
)

Values = Mapping[str, Any]
"""Sections by name, fields by name, as they were written."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A place that settings come from.

    Attributes:
        name: for messages.
        values: what it says.
    """

    name: str
    values: Values


def load_settings(file: Path | None, flags: Values) -> Settings:
    """The settings of this server.

    Args:
        file: named on the command line; None to look in the usual places.
        flags: settings from the command line, by section; None stands for absent.

    Raises:
        ConfigurationError: a key is unknown or a value is wrong; the message names the key.
    """
    sources = (_read_file(file), _read_environment(), _Source("the command line", flags))
    merged: dict[str, Any] = {}
    for source in sources:
        for path in _paths(source.values):
            _refuse_unknown(source.name, path)
        _merge(merged, source.values)
    try:
        return Settings(**merged)
    except ValidationError as error:
        raise ConfigurationError(
            "; ".join(_describe(details, sources) for details in error.errors(include_url=False))
        ) from None


def _read_file(file: Path | None) -> _Source:
    if file is None:
        file = next((path for path in SETTINGS_FILES if path.is_file()), None)
        if file is None:
            return _Source("", {})
    try:
        file.open("rb").close()  # the library passes over a file that isn't there
        return _Source(str(file), TomlConfigSettingsSource(Settings, file)())
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, or numbers without end
        raise ConfigurationError(f"{file} is not TOML: {error}") from error


def _read_environment() -> _Source:
    for variable in sorted(os.environ):
        if variable.upper().startswith(
            ENVIRONMENT_PREFIX
        ):  # in any case, as the library reads them
            path = variable[len(ENVIRONMENT_PREFIX) :].lower().split(ENVIRONMENT_DELIMITER)
            _refuse_unknown(f"the environment variable {variable}", path)
    try:
        values = EnvSettingsSource(Settings)()
    except SettingsError as error:
        raise ConfigurationError(f"the environment: {error}; lists are written as JSON") from None
    return _Source("the environment", values)


def _merge(into: dict[str, Any], values: Values) -> None:
    """Lays `values` over `into`; tables merge, everything else replaces."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            below = into.setdefault(name, {})
            if isinstance(below, dict):
                _merge(below, value)
            else:
                into[name] = value
        elif value is not None:
            into[name] = value


def _paths(values: Values, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every key, tables before what is in them."""
    for name, value in values.items():
        path = (*above, name)
        yield path
        if isinstance(value, Mapping):
            yield from _paths(value, path)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, Mapping):
                    yield from _paths(item, path)


def _known_keys(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """All keys there are, in dots: ``storage.wal.segment_size_bytes``, ``auth.users.name``."""
    for name, field in model.model_fields.items():
        key = above + name
        yield key
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _known_keys(kind, f"{key}.")


_KNOWN_KEYS: Final = frozenset(_known_keys(Settings))


def _refuse_unknown(source: str, path: Sequence[str]) -> None:
    """Refuses a key that nobody knows."""
    key = ".".join(path)
    if path[0] == "cluster":
        raise ConfigurationError(f"{source}: {key}: {NO_CLUSTER_YET}")
    if key in _KNOWN_KEYS:
        return
    nearest = _nearest(path)
    hint = f"; did you mean {nearest}?" if nearest else ""
    raise ConfigurationError(f"{source}: there is no setting {key}{hint}")


def _nearest(path: Sequence[str]) -> str | None:
    """The known key that was probably meant: in its own section, else anywhere."""
    section, field = ".".join(path[:-1]), path[-1]
    siblings = {
        key.rpartition(".")[2]: key for key in _KNOWN_KEYS if key.rpartition(".")[0] == section
    }
    namesakes = {key.rpartition(".")[2]: key for key in sorted(_KNOWN_KEYS)}
    for candidates in (siblings, namesakes):
        found = difflib.get_close_matches(field, candidates, n=1, cutoff=0.6)
        if found:
            return candidates[found[0]]
    return None


def _describe(details: ErrorDetails, sources: Sequence[_Source]) -> str:
    """A wrong value, for people: where it stands and what is wrong.

    Never the value itself, which may be a secret; our own validators repeat it where it is none.
    """
    path = [str(part) for part in details["loc"]]
    if details["type"] == "model_type":
        message = "this is a table, not a value"
    else:
        message = details["msg"].removeprefix("Value error, ")
    if not path:
        return message
    said_by = next((source.name for source in reversed(sources) if _says(source, path)), "")
    key = "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in path)
    return f"{said_by}: {key.removeprefix('.')}: {message}".removeprefix(": ")


def _says(source: _Source, path: Sequence[str]) -> bool:
    """Whether a source has a value at `path`, or at the list that `path` leads into."""
    value: Any = source.values
    for part in path:
        if isinstance(value, list):
            return True
        if not isinstance(value, Mapping) or value.get(part) is None:
            return False
        value = value[part]
    return True
