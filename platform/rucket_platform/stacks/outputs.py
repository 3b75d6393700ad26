"""The stack's outputs as values; the only place that knows their form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rucket_platform.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping

MASK = "********"


@dataclass(frozen=True, slots=True)
class UserOutputs:
    """A declared user with its access keys: pairs of id and secret."""

    name: str
    access_keys: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegionOutputs:
    """Where a region answers and as whom to talk to it."""

    name: str
    endpoints: tuple[str, ...]
    metrics: tuple[str, ...]
    s3_region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    users: tuple[UserOutputs, ...] = ()

    def user(self, name: str) -> UserOutputs:
        """Find a declared user.

        Raises:
            StackError: There is none of that name with an access key.
        """
        for user in self.users:
            if user.name == name and user.access_keys:
                return user
        known = ", ".join(user.name for user in self.users) or "(none)"
        raise StackError(f"region {self.name} declares no user {name} with an access key: {known}")


def read_outputs(outputs: Mapping[str, Any]) -> tuple[RegionOutputs, ...]:
    """Read the engine's outputs."""
    return tuple(_region(name, body) for name, body in outputs["regions"].items())


def find_region(regions: tuple[RegionOutputs, ...], name: str | None) -> RegionOutputs:
    """Find a region by name; without one, the only region there is.

    Raises:
        StackError: It can't be told which is meant.
    """
    known = ", ".join(region.name for region in regions)
    if name is None:
        if len(regions) == 1:
            return regions[0]
        raise StackError(f"which region? REGION= one of {known}")
    for region in regions:
        if region.name == name:
            return region
    raise StackError(f"there is no region {name}; there are {known}")


def as_json(regions: tuple[RegionOutputs, ...], *, show_secrets: bool) -> dict[str, Any]:
    """Write the outputs as one JSON object; secrets only if asked for."""
    return {"regions": {region.name: _region_json(region, show_secrets) for region in regions}}


def _region(name: str, body: Mapping[str, Any]) -> RegionOutputs:
    return RegionOutputs(
        name=name,
        endpoints=tuple(body["endpoints"]),
        metrics=tuple(body["metrics"]),
        s3_region=str(body["s3_region"]),
        access_key_id=str(body["access_key_id"]),
        secret_access_key=str(body["secret_access_key"]),
        users=tuple(_user(user, entry) for user, entry in body.get("users", {}).items()),
    )


def _user(name: str, body: Mapping[str, Any]) -> UserOutputs:
    keys = body["access_keys"]
    return UserOutputs(
        name, tuple((str(key["access_key_id"]), str(key["secret_access_key"])) for key in keys)
    )


def _region_json(region: RegionOutputs, show_secrets: bool) -> dict[str, Any]:  # noqa: FBT001
    def secret(value: str) -> str:
        return value if show_secrets else MASK

    body: dict[str, Any] = {
        "endpoints": list(region.endpoints),
        "access_key_id": region.access_key_id,
        "secret_access_key": secret(region.secret_access_key),
        "metrics": list(region.metrics),
        "s3_region": region.s3_region,
    }
    if region.users:
        body["users"] = {
            user.name: [
                {"access_key_id": key_id, "secret_access_key": secret(key)}
                for key_id, key in user.access_keys
            ]
            for user in region.users
        }
    return body
