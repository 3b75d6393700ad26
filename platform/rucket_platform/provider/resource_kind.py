"""What every kind of resource can do; one file per kind implements it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from rucket_platform.errors import ResourceRefused
from rucket_platform.provider.properties import Properties, is_unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rucket_platform.clients.connection import Connection


class Effect(StrEnum):
    """What a changed property means for the resource."""

    UPDATE = "update"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Found:
    """A resource as `read` found it.

    Attributes:
        state: Inputs and outputs together, as recorded by the engine.
        inputs: The inputs that describe it.
    """

    state: Properties
    inputs: Properties


class ResourceKind(Protocol):
    """Create, read, update, delete, diff and check of one kind of resource."""

    @property
    def token(self) -> str:
        """Its Pulumi type."""

    @property
    def secrets(self) -> frozenset[str]:
        """Properties that are encrypted in the state."""

    @property
    def inputs(self) -> Mapping[str, bool]:
        """Every input, with whether it must be given."""

    @property
    def desired(self) -> Mapping[str, Any]:
        """What refresh may find otherwise, with the value that an update brings back.

        They count as inputs, so that a preview shows `"dead" => "running"`.
        """

    def check(self, inputs: Properties) -> dict[str, str]:
        """Return what is wrong, by property."""

    def diff(self, state: Properties, inputs: Properties) -> dict[str, Effect]:
        """Return what a property that differs means; empty if nothing has to be done."""

    def preview(self, state: Properties, inputs: Properties) -> Properties:
        """Predict the state after a create (empty `state`) or an update."""

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Make it; return id and state. Repeating it after an interruption is fine."""

    def read(self, resource_id: str, state: Properties, inputs: Properties) -> Found | None:
        """Look at it; None if it is gone. Empty `state`: it is being imported."""

    def update(self, resource_id: str, state: Properties, inputs: Properties) -> Properties:
        """Change it in place; return the new state."""

    def delete(self, resource_id: str, state: Properties) -> None:
        """Remove it; one that is gone already is fine."""


def changed(
    keys: Collection[str], state: Mapping[str, Any], inputs: Mapping[str, Any]
) -> list[str]:
    """List the `keys` whose input differs from the recorded state, or isn't known yet."""
    return [
        key
        for key in keys
        if is_unknown(inputs.get(key)) or _normal(state.get(key)) != _normal(inputs.get(key))
    ]


def unknown_and_missing(kind: ResourceKind, inputs: Properties) -> dict[str, str]:
    """Find inputs that no one knows, and required ones that are missing."""
    wrong = {
        key: "is not known here"
        for key in inputs
        if key not in kind.inputs and key not in kind.desired
    }
    missing = {
        key: "is missing"
        for key, required in kind.inputs.items()
        if required and inputs.get(key) is None
    }
    return wrong | missing


def require_connection(connection: Connection | None) -> Connection:
    """Return the region's connection.

    Raises:
        ResourceRefused: The provider instance in use isn't bound to a region.
    """
    if connection is None:
        raise ResourceRefused(
            "this resource lives in a region: pass the region's provider "
            "(in a program `provider=region.provider`, with `pulumi import` `--provider NAME=URN`)"
        )
    return connection


def _normal(value: Any) -> Any:
    # An empty table and an absent one say the same.
    return value if value not in ({}, []) else None
