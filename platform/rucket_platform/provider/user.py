"""`rucket:platform:User`: a user of a region; its id is its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket_platform.clients.admin import AdminClient, UserRecord
from rucket_platform.errors import ResourceRefused, ServerUnreachable
from rucket_platform.provider.properties import UNKNOWN, Properties
from rucket_platform.provider.resource_kind import Effect, Found, changed, require_connection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket_platform.clients.connection import Connection

_DETAILS = ("display_name", "email")


class UserKind:
    """Users of the region that the provider instance is bound to."""

    token = "rucket:platform:User"
    secrets: frozenset[str] = frozenset()
    inputs: Mapping[str, bool] = {"user": True, **dict.fromkeys(_DETAILS, False)}
    desired: Mapping[str, object] = {}

    def __init__(self, connection: Connection | None) -> None:
        self._connection = connection

    def check(self, inputs: Properties) -> dict[str, str]:
        """Details can be changed, not taken away: an absent one is left to the server."""
        return {key: "must not be empty" for key in _DETAILS if inputs.get(key) == ""}

    def diff(self, state: Properties, inputs: Properties) -> dict[str, Effect]:
        """Another name is another user; declared details change in place."""
        declared = [key for key in _DETAILS if inputs.get(key) is not None]
        effects = dict.fromkeys(changed(declared, state, inputs), Effect.UPDATE)
        return effects | dict.fromkeys(changed(("user",), state, inputs), Effect.REPLACE)

    def preview(self, state: Properties, inputs: Properties) -> Properties:
        """Predict; the server gives a new user its canonical id."""
        return {**inputs, "canonical_id": state.get("canonical_id", UNKNOWN)}

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Create it, or take over one that the admin API made: kept data leaves them."""
        name = inputs["user"]
        admin = self._admin()
        existing = admin.find_user(name)
        if existing is None:
            details = {key: inputs.get(key) for key in _DETAILS}
            return name, _state(inputs, admin.create_user(name, **details))
        if existing.source == "config":
            raise ResourceRefused(f"user {name} stands in the server's settings; name it otherwise")
        return name, self.update(name, {}, inputs)

    def read(self, resource_id: str, state: Properties, inputs: Properties) -> Found | None:
        """Look whether it is there and as declared; a region that is down keeps what was known."""
        try:
            record = self._admin().find_user(resource_id)
        except ServerUnreachable:
            if not state:
                raise
            return Found(state, inputs)
        if record is None:
            return None
        seen = {"user": record.name, "display_name": record.display_name, "email": record.email}
        declared = inputs if state else {key: value for key, value in seen.items() if value}
        return Found(_state({key: seen[key] for key in declared}, record), declared)

    def update(self, resource_id: str, state: Properties, inputs: Properties) -> Properties:
        """Change the details that are declared."""
        del state
        details = {key: inputs.get(key) for key in _DETAILS}
        return _state(inputs, self._admin().update_user(resource_id, **details))

    def delete(self, resource_id: str, state: Properties) -> None:
        """Delete it with its access keys; the server refuses while it owns buckets."""
        del state
        self._admin().delete_user(resource_id)

    def _admin(self) -> AdminClient:
        return AdminClient(require_connection(self._connection))


def _state(inputs: Properties, record: UserRecord) -> Properties:
    return {**inputs, "canonical_id": record.canonical_id}
