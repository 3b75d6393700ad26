"""`RucketContainer`: a Rucket for the length of a test, by testcontainers.

    with RucketContainer(buckets=["photos"]) as rucket:
        rucket.get_client().put_object(Bucket="photos", Key="cat.jpg", Body=b"miaow")

Its credentials are made up for it unless they are given. It is published on loopback, runs with a
read-only root and without capabilities, and is ready when `start` returns.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from docker.errors import NotFound
from testcontainers.core.container import DockerContainer

from rucket_platform.clients.admin import AccessKeyPair, AdminClient
from rucket_platform.clients.connection import Connection
from rucket_platform.clients.health import Health, probe
from rucket_platform.clients.s3 import Buckets, s3_client
from rucket_platform.errors import NodeStartFailed, WaitTimeout
from rucket_platform.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_s3.client import S3Client

_S3_PORT = 9000
_METRICS_PORT = 9001
_LOOPBACK = "127.0.0.1"
_ROOT = "root"
_PROBE_TIMEOUT_S = 2.0
_LOG_TAIL_LINES = 20
# The server drains within 15 s unless told otherwise; then the engine may kill it.
_STOP_TIMEOUT_S = 20
# What the image promises to do without.
_HARDENED: Mapping[str, Any] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
}


@dataclass(frozen=True, slots=True)
class RucketUser:
    """A user with an access key of its own."""

    name: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RucketConfig:
    """Where it answers and as whom.

    Attributes:
        endpoint: S3 and admin API, as the test reaches it.
        metrics: The URL to scrape.
        s3_region: What clients sign for.
        access_key_id: Of root, as is `secret_access_key`.
        users: Those that were asked for, by name.
    """

    endpoint: str
    metrics: str
    s3_region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    users: Mapping[str, RucketUser] = field(default_factory=dict)


class RucketContainer(DockerContainer):
    """One node. `start`, or the context, returns when it is ready; the end removes its data.

    Args:
        image: The image's name; `make image` builds `rucket:latest`.
        access_key_id: Of the root user; made up if not given.
        secret_access_key: Its secret, of 8 to 128 characters; made up if not given.
        s3_region: What clients sign for.
        users: Names of users to make, each with an access key.
        buckets: Names of buckets to make; they belong to root.
        settings: Further settings, as in `{"server": {"workers": 1}}`: sections of `rucket.toml`.
        publish_address: The address of the engine's machine that the ports are published on. With
            `0.0.0.0`, for an engine elsewhere, testcontainers tells how to reach that machine.
        start_timeout_s: How long it may take until it is ready.
        **options: Options of `DockerContainer`, and through it of the engine's `create`.

    `start` raises `NodeStartFailed`, with the container's last log lines, where the server ends or
    isn't ready in time; nothing is left of the container then.
    """

    def __init__(  # noqa: PLR0913 -- keywords, each with a default
        self,
        image: str = "rucket:latest",
        *,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        s3_region: str = "us-east-1",
        users: Iterable[str] = (),
        buckets: Iterable[str] = (),
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        publish_address: str = _LOOPBACK,
        start_timeout_s: float = 60.0,
        **options: Any,
    ) -> None:
        super().__init__(image, **{**_HARDENED, **options})
        self._access_key_id = access_key_id or "root-" + secrets.token_hex(6)
        self._secret_access_key = secret_access_key or secrets.token_hex(20)
        self._s3_region = s3_region
        self._wanted_users = tuple(users)
        self._buckets = tuple(buckets)
        self._users: dict[str, RucketUser] = {}
        self._publish_address = publish_address
        self._start_timeout_s = start_timeout_s
        for section, values in (settings or {}).items():
            for key, value in values.items():
                self.with_setting(section, key, value)
        self.with_setting("server", "region", s3_region)
        self.with_setting("auth", "access_key", self._access_key_id)
        self.with_setting("auth", "secret_key", self._secret_access_key)
        self.with_tmpfs_mount("/tmp")
        for port in (_S3_PORT, _METRICS_PORT):
            self.ports[f"{port}/tcp"] = (publish_address, None)  # type: ignore[assignment]

    def with_setting(self, section: str, key: str, value: object) -> Self:
        """Set one setting of `rucket.toml`; `section` may be dotted, as in `storage.sync`."""
        name = "__".join(["RUCKET", *section.split("."), key]).upper()
        self.with_env(name, value if isinstance(value, str) else json.dumps(value))
        return self

    def start(self) -> Self:
        """Run it, wait until it is ready, make users and buckets."""
        try:
            super().start()
            self._wait_ready()
            self._make_contents()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, force: bool = True, delete_volume: bool = True) -> None:  # noqa: FBT001, FBT002
        """Remove the container at once, with its data unless a volume of yours holds it.

        May be repeated.
        """
        # A failed start has removed it already when the context ends.
        with contextlib.suppress(NotFound):
            super().stop(force, delete_volume)

    def drain(self) -> int:
        """End the server as an operator would, by SIGTERM; return its exit code.

        The container is still there, with its log, until `stop`.
        """
        container = self.get_wrapped_container()
        container.stop(timeout=_STOP_TIMEOUT_S)
        return int(container.wait(timeout=_STOP_TIMEOUT_S)["StatusCode"])

    @property
    def endpoint(self) -> str:
        """Where S3 and the admin API answer; only while it runs."""
        return f"http://{self._host()}:{self.get_exposed_port(_S3_PORT)}"

    def get_config(self) -> RucketConfig:
        """Where it answers and as whom; only while it runs."""
        return RucketConfig(
            endpoint=self.endpoint,
            metrics=f"http://{self._host()}:{self.get_exposed_port(_METRICS_PORT)}/metrics",
            s3_region=self._s3_region,
            access_key_id=self._access_key_id,
            secret_access_key=self._secret_access_key,
            users=dict(self._users),
        )

    def get_client(self, user: str | None = None) -> S3Client:
        """A boto3 client of root, or of one of `users`; close it, or keep it for the session.

        Raises:
            KeyError: There is no such user.
        """
        return s3_client(self._connection(user))

    def log_tail(self) -> tuple[str, ...]:
        """The last lines that the server wrote, oldest first."""
        out: bytes = self.get_wrapped_container().logs(tail=_LOG_TAIL_LINES)
        return tuple(out.decode("utf-8", "replace").splitlines())

    def _host(self) -> str:
        # Where it was published on one address, it answers there and nowhere else; testcontainers'
        # own guess, the bridge's gateway if it takes this machine for a container, would miss it.
        if not ipaddress.ip_address(self._publish_address).is_unspecified:
            return self._publish_address
        return str(self.get_container_host_ip())

    def _connection(self, user: str | None = None) -> Connection:
        who = RucketUser(_ROOT, self._access_key_id, self._secret_access_key)
        if user is not None:
            who = self._users[user]
        return Connection(self.endpoint, self._s3_region, who.access_key_id, who.secret_access_key)

    def _wait_ready(self) -> None:
        reason = f"not ready within {self._start_timeout_s:g} s"
        try:
            wait_until(
                lambda: self._has_ended() or self._is_ready(),
                timeout_s=self._start_timeout_s,
                what="the container to be ready",
            )
        except WaitTimeout:
            exit_code = None
        else:
            if not self._has_ended():
                return
            exit_code = int(self.get_wrapped_container().attrs["State"]["ExitCode"])
            reason = f"it ended with exit code {exit_code}"
        raise NodeStartFailed(
            str(self.image), reason, exit_code=exit_code, log_tail=self.log_tail()
        )

    def _has_ended(self) -> bool:
        self.reload()
        return str(self.status) in {"exited", "dead"}

    def _is_ready(self) -> bool:
        container = self.get_wrapped_container()
        published = container.ports.get(f"{_S3_PORT}/tcp")
        if not published:
            return False
        endpoint = f"http://{self._host()}:{published[0]['HostPort']}"
        return probe(endpoint, timeout_s=_PROBE_TIMEOUT_S) is Health.READY

    def _make_contents(self) -> None:
        admin = AdminClient(self._connection())
        for name in self._wanted_users:
            key = AccessKeyPair(f"{name}-{secrets.token_hex(6)}", secrets.token_hex(20))
            if admin.find_user(name) is None:
                admin.create_user(name, display_name=None, email=None)
            admin.create_access_key(name, key)
            self._users[name] = RucketUser(name, key.access_key_id, key.secret_access_key)
        with Buckets(self._connection()) as buckets:
            for name in self._buckets:
                if not buckets.exists(name):
                    buckets.create(name)
