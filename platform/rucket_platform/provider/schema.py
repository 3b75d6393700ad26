"""The provider's schema, as far as the engine needs one: types, inputs and outputs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rucket_platform.provider.resource_kind import ResourceKind

PACKAGE = "rucket"
VERSION = "0.1.0"

_ANY = {"$ref": "pulumi.json#/Any"}
_TEXT = {"type": "string"}
_TYPES: dict[str, dict[str, object]] = {
    "command": {"type": "array", "items": _TEXT},
    "force_destroy": {"type": "boolean"},
    "metrics_port": {"type": "integer"},
    "number": {"type": "integer"},
    "port": {"type": "integer"},
    "sections": {"type": "object", "additionalProperties": _ANY},
    "start_timeout_s": {"type": "number"},
}


def schema(kinds: Iterable[ResourceKind]) -> str:
    """Write the schema as JSON."""
    connection = dict.fromkeys(("endpoint", "s3_region", "access_key_id"), _TEXT)
    connection["secret_access_key"] = {"type": "string", "secret": True}  # type: ignore[dict-item]
    return json.dumps(
        {
            "name": PACKAGE,
            "version": VERSION,
            "provider": {"inputProperties": connection},
            "resources": {kind.token: _resource(kind) for kind in kinds},
        }
    )


def _resource(kind: ResourceKind) -> dict[str, object]:
    properties = {
        key: {**_TYPES.get(key, _TEXT), **({"secret": True} if key in kind.secrets else {})}
        for key in kind.inputs
    }
    return {
        "inputProperties": properties,
        "requiredInputs": [key for key, required in kind.inputs.items() if required],
        "properties": properties,
    }
