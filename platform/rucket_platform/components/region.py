"""`rucket:platform:Region`: the nodes of a region and what lives in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from rucket_platform.provider.resources import (
    AccessKey,
    Bucket,
    Credentials,
    CredentialsArgs,
    Node,
    NodeArgs,
    RegionProvider,
    RegionProviderArgs,
    User,
    UserArgs,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rucket_platform import topology


@dataclass(frozen=True, slots=True)
class RegionArgs:
    """What a region is made of.

    Attributes:
        region: Its part of the topology.
        directory: Where its nodes keep their files; absolute.
        command: The server's executable with leading arguments.
        bind: The address that its nodes listen on.
        data: What destroying it does with its data.
        start_timeout_s: How long a node may take until it is ready.
        image: The container image that its nodes run from, if they do.
    """

    region: topology.Region
    directory: Path
    command: tuple[str, ...]
    bind: str
    data: topology.DataRemoval
    start_timeout_s: float
    image: str | None


class Region(pulumi.ComponentResource):
    """One region.

    Attributes:
        outputs: `endpoints`, `access_key_id`, `secret_access_key`, `metrics`, and `users` where
            some are declared.
    """

    outputs: dict[str, pulumi.Input[Any]]

    def __init__(
        self, name: str, args: RegionArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("rucket:platform:Region", name, None, opts)
        self._name = name
        self._args = args
        self._credentials = self._create_credentials()
        self._nodes = [self._create_node(node) for node in args.region.nodes]
        users = self._create_contents()
        self.outputs = {
            "endpoints": [node.endpoint for node in self._nodes],
            "access_key_id": self._credentials.access_key_id,
            "secret_access_key": pulumi.Output.secret(self._credentials.secret_access_key),
            "metrics": [node.metrics for node in self._nodes],
            "s3_region": args.region.s3_region,
            **({"users": users} if users else {}),
        }
        self.register_outputs(self.outputs)

    def _create_credentials(self) -> Credentials:
        given = self._args.region.credentials
        args = CredentialsArgs(str(self._args.directory), self._args.data.value)
        if given is not None:
            args = CredentialsArgs(
                args.directory,
                args.data,
                given.access_key_id,
                pulumi.Output.secret(given.secret_access_key),
            )
        return Credentials(f"{self._name}-root", args, self._child())

    def _create_node(self, node: topology.Node) -> Node:
        args = self._args
        directory = args.directory / node.name
        return Node(
            f"{self._name}-{node.name}",
            NodeArgs(
                directory=str(directory),
                region=args.region.name,
                node=node.name,
                # In a container the image says what runs.
                command=list(args.command) if args.image is None else [],
                image=args.image,
                bind=args.bind,
                port=node.port,
                metrics_port=node.metrics_port,
                s3_region=args.region.s3_region,
                data_dir=str(directory / node.devices[0].path),
                access_key_id=self._credentials.access_key_id,
                secret_access_key=self._credentials.secret_access_key,
                sections={key: dict(value) for key, value in args.region.settings.items()},
                data=args.data.value,
                start_timeout_s=args.start_timeout_s,
            ),
            self._child(),
        )

    def _create_contents(self) -> dict[str, Any]:
        """Create buckets, users and access keys; return the users' outputs."""
        region = self._args.region
        if not region.buckets and not region.users:
            return {}
        provider = RegionProvider(
            self._name,
            RegionProviderArgs(
                endpoint=self._nodes[0].endpoint,
                s3_region=region.s3_region,
                access_key_id=self._credentials.access_key_id,
                secret_access_key=self._credentials.secret_access_key,
            ),
            self._child(),
        )
        opts = self._content(provider)
        for bucket in region.buckets:
            Bucket(
                f"{self._name}-{bucket.name}",
                bucket.name,
                force_destroy=bucket.force_destroy,
                opts=opts,
            )
        return {user.name: self._create_user(user, opts) for user in region.users}

    def _create_user(self, user: topology.User, opts: pulumi.ResourceOptions) -> dict[str, Any]:
        name = f"{self._name}-{user.name}"
        made = User(name, UserArgs(user.name, user.display_name, user.email), opts)
        keys = [
            AccessKey(
                f"{name}-{number}",
                user.name,
                number,
                pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[made])),
            )
            for number in range(1, user.access_keys + 1)
        ]
        return {
            "canonical_id": made.canonical_id,
            "access_keys": [
                {
                    "access_key_id": key.access_key_id,
                    "secret_access_key": pulumi.Output.secret(key.secret_access_key),
                }
                for key in keys
            ],
        }

    def _content(self, provider: RegionProvider) -> pulumi.ResourceOptions:
        # What lives in a node's data goes, or stays, with the node: destroying a region must
        # neither empty buckets whose data is kept nor fail because they hold objects.
        return pulumi.ResourceOptions(
            parent=self,
            provider=provider,
            depends_on=self._nodes,
            deleted_with=self._nodes[0],
        )

    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)
