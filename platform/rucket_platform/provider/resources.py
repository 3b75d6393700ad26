"""The provider's resources as a Pulumi program declares them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from rucket_platform.provider.schema import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class NodeArgs:
    """A node; see `provider/node.py` for which change does what."""

    directory: str
    region: str
    node: str
    command: list[str]
    image: str | None
    bind: str
    port: int
    metrics_port: int
    s3_region: str
    data_dir: str
    access_key_id: pulumi.Input[str]
    secret_access_key: pulumi.Input[str]
    sections: Mapping[str, Any]
    data: str
    start_timeout_s: float


class Node(pulumi.CustomResource):
    """One server process."""

    endpoint: pulumi.Output[str]
    metrics: pulumi.Output[str]

    def __init__(self, name: str, args: NodeArgs, opts: pulumi.ResourceOptions) -> None:
        properties = {key: getattr(args, key) for key in NodeArgs.__dataclass_fields__}
        computed = dict.fromkeys(("endpoint", "metrics", "pid", "version"))
        super().__init__("rucket:platform:Node", name, {**properties, **computed}, opts)


@dataclass(frozen=True, slots=True)
class CredentialsArgs:
    """A region's root credentials; generated where none are given."""

    directory: str
    data: str
    given_access_key_id: pulumi.Input[str] | None = None
    given_secret_access_key: pulumi.Input[str] | None = None


class Credentials(pulumi.CustomResource):
    """Root credentials."""

    access_key_id: pulumi.Output[str]
    secret_access_key: pulumi.Output[str]

    def __init__(self, name: str, args: CredentialsArgs, opts: pulumi.ResourceOptions) -> None:
        properties = {key: getattr(args, key) for key in CredentialsArgs.__dataclass_fields__}
        computed = dict.fromkeys(("access_key_id", "secret_access_key"))
        super().__init__("rucket:platform:Credentials", name, {**properties, **computed}, opts)


@dataclass(frozen=True, slots=True)
class RegionProviderArgs:
    """Where a region answers and as whom to talk to it."""

    endpoint: pulumi.Input[str]
    s3_region: pulumi.Input[str]
    access_key_id: pulumi.Input[str]
    secret_access_key: pulumi.Input[str]


class RegionProvider(pulumi.ProviderResource):
    """Binds buckets, users and access keys to a region."""

    def __init__(self, name: str, args: RegionProviderArgs, opts: pulumi.ResourceOptions) -> None:
        properties = {key: getattr(args, key) for key in RegionProviderArgs.__dataclass_fields__}
        super().__init__(PACKAGE, name, properties, opts)


class Bucket(pulumi.CustomResource):
    """A bucket."""

    def __init__(
        self, name: str, bucket: str, *, force_destroy: bool, opts: pulumi.ResourceOptions
    ) -> None:
        properties = {"bucket": bucket, "force_destroy": force_destroy}
        super().__init__("rucket:platform:Bucket", name, properties, opts)


@dataclass(frozen=True, slots=True)
class UserArgs:
    """A user."""

    user: str
    display_name: str | None = None
    email: str | None = None


class User(pulumi.CustomResource):
    """A user."""

    canonical_id: pulumi.Output[str]

    def __init__(self, name: str, args: UserArgs, opts: pulumi.ResourceOptions) -> None:
        properties = {key: getattr(args, key) for key in UserArgs.__dataclass_fields__}
        super().__init__("rucket:platform:User", name, {**properties, "canonical_id": None}, opts)


class AccessKey(pulumi.CustomResource):
    """An access key of a user."""

    access_key_id: pulumi.Output[str]
    secret_access_key: pulumi.Output[str]

    def __init__(self, name: str, user: str, number: int, opts: pulumi.ResourceOptions) -> None:
        computed = dict.fromkeys(("access_key_id", "secret_access_key"))
        properties = {"user": user, "number": number, **computed}
        super().__init__("rucket:platform:AccessKey", name, properties, opts)
