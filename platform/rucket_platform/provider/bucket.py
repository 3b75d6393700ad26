"""`rucket:platform:Bucket`: a bucket of a region; its id is its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket_platform.clients.s3 import Buckets
from rucket_platform.errors import ServerUnreachable
from rucket_platform.provider.resource_kind import Effect, Found, changed, require_connection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket_platform.clients.connection import Connection
    from rucket_platform.provider.properties import Properties


class BucketKind:
    """Buckets of the region that the provider instance is bound to."""

    token = "rucket:platform:Bucket"
    secrets: frozenset[str] = frozenset()
    inputs: Mapping[str, bool] = {"bucket": True, "force_destroy": False}
    desired: Mapping[str, object] = {}

    def __init__(self, connection: Connection | None) -> None:
        self._connection = connection

    def check(self, inputs: Properties) -> dict[str, str]:
        """Leave the rules of names to the server."""
        del inputs
        return {}

    def diff(self, state: Properties, inputs: Properties) -> dict[str, Effect]:
        """Another name is another bucket."""
        effects = dict.fromkeys(changed(("force_destroy",), state, inputs), Effect.UPDATE)
        return effects | dict.fromkeys(changed(("bucket",), state, inputs), Effect.REPLACE)

    def preview(self, state: Properties, inputs: Properties) -> Properties:
        """Predict: nothing is computed."""
        del state
        return dict(inputs)

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Create it, or take over one of ours: kept data and interrupted runs leave them."""
        with self._buckets() as buckets:
            if not buckets.exists(inputs["bucket"]):
                buckets.create(inputs["bucket"])
        return inputs["bucket"], dict(inputs)

    def read(self, resource_id: str, state: Properties, inputs: Properties) -> Found | None:
        """Look whether it is there; a region that is down keeps what was known."""
        try:
            with self._buckets() as buckets:
                if not buckets.exists(resource_id):
                    return None
        except ServerUnreachable:
            if not state:
                raise
            return Found(state, inputs)
        declared = inputs if state else {"bucket": resource_id, "force_destroy": False}
        return Found(dict(declared), declared)

    def update(self, resource_id: str, state: Properties, inputs: Properties) -> Properties:
        """Only `force_destroy` changes in place, and it is known to us alone."""
        del resource_id, state
        return dict(inputs)

    def delete(self, resource_id: str, state: Properties) -> None:
        """Delete it; one with objects in it only if `force_destroy` says so."""
        with self._buckets() as buckets:
            buckets.delete(resource_id, force=bool(state.get("force_destroy")))

    def _buckets(self) -> Buckets:
        return Buckets(require_connection(self._connection))
