"""Properties between the engine's form and plain Python.

Inside the provider a property is a str, float, int, bool, None, list or dict. A value that a
preview doesn't know yet is `UNKNOWN`, the engine's own mark for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi.provider.experimental.property_value import PropertyValue

Properties = dict[str, Any]

# The engine sends this text in place of a value that only the real run will know.
UNKNOWN: str = pulumi.runtime.rpc.UNKNOWN


def from_engine(values: Mapping[str, PropertyValue]) -> Properties:
    """Strip the engine's wrapping, and with it what was secret."""
    return {key: _plain(value) for key, value in values.items()}


def to_engine(values: Mapping[str, Any], secrets: frozenset[str]) -> dict[str, PropertyValue]:
    """Wrap properties; those named in `secrets` are encrypted in the state."""
    return {
        key: _wrapped(value).with_secret(key in secrets)
        for key, value in values.items()
        if value is not None
    }


def is_unknown(value: object) -> bool:
    """Tell whether a preview doesn't know this value, or a part of it, yet."""
    if isinstance(value, str):
        return value == UNKNOWN
    if isinstance(value, Mapping):
        return any(is_unknown(item) for item in value.values())
    if isinstance(value, Sequence):
        return any(is_unknown(item) for item in value)
    return False


def _plain(value: PropertyValue) -> Any:
    inner: Any = value.value
    if isinstance(inner, str | bool) or inner is None:
        return inner
    if isinstance(inner, float):
        return int(inner) if inner.is_integer() else inner
    if isinstance(inner, Mapping):
        return from_engine(inner)
    if isinstance(inner, Sequence):
        return [_plain(item) for item in inner]
    raise TypeError(f"a property of type {type(inner).__name__} means nothing here")


def _wrapped(value: Any) -> PropertyValue:
    if isinstance(value, bool | str) or value is None:
        return PropertyValue(value)
    if isinstance(value, int | float):
        return PropertyValue(float(value))
    if isinstance(value, Mapping):
        return PropertyValue({str(key): _wrapped(item) for key, item in value.items()})
    return PropertyValue([_wrapped(item) for item in value])
