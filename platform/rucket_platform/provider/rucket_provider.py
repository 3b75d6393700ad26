"""The provider: hands each request of the engine to the kind of resource it is about.

One instance without configuration carries nodes and credentials. An instance per region,
configured with the region's endpoint and root credentials, carries what lives in that region.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pulumi.provider.experimental.provider import (
    CheckFailure,
    CheckRequest,
    CheckResponse,
    ConfigureRequest,
    ConfigureResponse,
    CreateRequest,
    CreateResponse,
    DeleteRequest,
    DiffRequest,
    DiffResponse,
    GetSchemaRequest,
    GetSchemaResponse,
    PropertyDiff,
    PropertyDiffKind,
    Provider,
    ReadRequest,
    ReadResponse,
    UpdateRequest,
    UpdateResponse,
)

from rucket_platform.clients.connection import Connection
from rucket_platform.errors import ResourceRefused
from rucket_platform.provider.access_key import AccessKeyKind
from rucket_platform.provider.bucket import BucketKind
from rucket_platform.provider.credentials import CredentialsKind
from rucket_platform.provider.node import NodeKind
from rucket_platform.provider.properties import from_engine, is_unknown, to_engine
from rucket_platform.provider.resource_kind import Effect, ResourceKind, unknown_and_missing
from rucket_platform.provider.schema import schema
from rucket_platform.provider.user import UserKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rucket_platform.substrates.substrate import Substrate

_CONNECTION_KEYS = ("endpoint", "s3_region", "access_key_id", "secret_access_key")
_DIFF_KINDS = {
    (Effect.UPDATE, True, True): PropertyDiffKind.UPDATE,
    (Effect.UPDATE, False, True): PropertyDiffKind.ADD,
    (Effect.UPDATE, True, False): PropertyDiffKind.DELETE,
    (Effect.REPLACE, True, True): PropertyDiffKind.UPDATE_REPLACE,
    (Effect.REPLACE, False, True): PropertyDiffKind.ADD_REPLACE,
    (Effect.REPLACE, True, False): PropertyDiffKind.DELETE_REPLACE,
}


class RucketProvider(Provider):
    """Pulumi's view of a Rucket deployment."""

    def __init__(self, substrate: Substrate) -> None:
        self._substrate = substrate
        self._kinds = _by_token(_kinds(substrate, None))

    async def get_schema(self, request: GetSchemaRequest) -> GetSchemaResponse:
        """Describe the resources, for `pulumi import` and the like."""
        del request
        return GetSchemaResponse(schema(self._kinds.values()))

    async def configure(self, request: ConfigureRequest) -> ConfigureResponse:
        """Bind this instance to a region, if it was given one."""
        args = from_engine(request.args)
        given = [key for key in _CONNECTION_KEYS if args.get(key) is not None]
        if given and not is_unknown(args):
            missing = [key for key in _CONNECTION_KEYS if key not in given]
            if missing:
                raise ResourceRefused(f"the provider's {missing[0]} is missing")
            connection = Connection(**{key: str(args[key]) for key in _CONNECTION_KEYS})
            self._kinds = _by_token(_kinds(self._substrate, connection))
        return ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def check(self, request: CheckRequest) -> CheckResponse:
        """Validate inputs."""
        kind = self._kind(request.type)
        inputs = from_engine(request.new_inputs) | dict(kind.desired)
        wrong = unknown_and_missing(kind, inputs) or kind.check(inputs)
        return CheckResponse(
            inputs=to_engine(inputs, kind.secrets),
            failures=[CheckFailure(key, reason) for key, reason in wrong.items()],
        )

    async def diff(self, request: DiffRequest) -> DiffResponse:
        """Tell what would change, and how."""
        kind = self._kind(request.type)
        state = from_engine(request.old_state)
        inputs = from_engine(request.new_inputs)
        effects = {
            key: effect
            for key, effect in kind.diff(state, inputs).items()
            if key not in request.ignore_changes
        }
        return DiffResponse(
            changes=bool(effects),
            diffs=sorted(effects),
            replaces=sorted(key for key, effect in effects.items() if effect is Effect.REPLACE),
            # A node's successor needs its ports and its data directory.
            delete_before_replace=True,
            detailed_diff={
                key: PropertyDiff(
                    _DIFF_KINDS[effect, key in state, key in inputs], input_diff=False
                )
                for key, effect in effects.items()
            },
        )

    async def create(self, request: CreateRequest) -> CreateResponse:
        """Create a resource, or predict it."""
        kind = self._kind(request.type)
        inputs = from_engine(request.properties)
        if request.preview:
            return CreateResponse("", to_engine(kind.preview({}, inputs), kind.secrets))
        resource_id, state = await asyncio.to_thread(kind.create, inputs)
        return CreateResponse(resource_id, to_engine(state, kind.secrets))

    async def read(self, request: ReadRequest) -> ReadResponse:
        """Look at a resource, to refresh or to import it."""
        kind = self._kind(request.type)
        state, inputs = from_engine(request.properties), from_engine(request.inputs)
        found = await asyncio.to_thread(kind.read, request.resource_id, state, inputs)
        if found is None:
            # An answer without an id says that the resource is gone.
            return ReadResponse("")
        return ReadResponse(
            request.resource_id,
            to_engine(found.state, kind.secrets),
            to_engine(found.inputs, kind.secrets),
        )

    async def update(self, request: UpdateRequest) -> UpdateResponse:
        """Change a resource in place, or predict it."""
        kind = self._kind(request.type)
        state, inputs = from_engine(request.olds), from_engine(request.news)
        if request.preview:
            new_state = kind.preview(state, inputs)
        else:
            new_state = await asyncio.to_thread(kind.update, request.resource_id, state, inputs)
        return UpdateResponse(to_engine(new_state, kind.secrets))

    async def delete(self, request: DeleteRequest) -> None:
        """Remove a resource."""
        kind = self._kind(request.type)
        await asyncio.to_thread(kind.delete, request.resource_id, from_engine(request.properties))

    def _kind(self, types: str) -> ResourceKind:
        # A URN names the types of all parents too, the resource's own last.
        token = types.rpartition("$")[2]
        try:
            return self._kinds[token]
        except KeyError:
            raise ResourceRefused(f"this provider has no resource {token}") from None


def _kinds(substrate: Substrate, connection: Connection | None) -> tuple[ResourceKind, ...]:
    return (
        NodeKind(substrate),
        CredentialsKind(),
        BucketKind(connection),
        UserKind(connection),
        AccessKeyKind(connection),
    )


def _by_token(kinds: Iterable[ResourceKind]) -> dict[str, ResourceKind]:
    return {kind.token: kind for kind in kinds}
