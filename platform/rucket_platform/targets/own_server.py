"""A Rucket of a run's own: its processes end with the run, its folder goes with them."""

from __future__ import annotations

import secrets
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rucket_platform.clients.admin import AccessKeyPair, AdminClient
from rucket_platform.clients.connection import Connection
from rucket_platform.command_line import interrupts_deferred
from rucket_platform.errors import TargetError
from rucket_platform.settings_file.server_config import ServerSettings
from rucket_platform.substrates.local_process import LocalProcesses
from rucket_platform.substrates.ports import find_free
from rucket_platform.substrates.substrate import NodePlan
from rucket_platform.targets.target import Account, Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rucket_platform.topology import SettingValue

_HOST = "127.0.0.1"
_START_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class WantedUser:
    """A user that a run needs besides root."""

    name: str
    display_name: str = ""
    email: str = ""


class OwnServer:
    """One node on this machine. `start` after a stop or a kill goes on with the same data."""

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, Mapping[str, SettingValue]] | None = None,
        users: tuple[WantedUser, ...] = (),
        command_prefix: tuple[str, ...] = (),
    ) -> None:
        port, metrics_port = find_free(_HOST, 2)
        self._substrate = LocalProcesses()
        self._users = users
        self._accounts: tuple[Account, ...] = ()
        self.plan = NodePlan(
            region="own",
            name="own",
            directory=directory,
            command=(*command_prefix, sys.executable, "-m", "rucket"),
            settings=ServerSettings(
                bind=_HOST,
                port=port,
                metrics_port=metrics_port,
                s3_region="us-east-1",
                data_dir=str(directory / "data"),
                access_key_id="root-" + secrets.token_hex(6),
                secret_access_key=secrets.token_hex(20),
                sections=settings or {},
            ),
            start_timeout_s=_START_TIMEOUT_S,
        )

    @property
    def endpoint(self) -> str:
        """Where it answers."""
        return f"http://{_HOST}:{self.plan.settings.port}"

    def start(self) -> Target:
        """Run it, and make its users the first time.

        Raises:
            SubstrateError: It did not start.
        """
        pid = self._substrate.ensure(self.plan).pid
        if pid is None:
            raise TargetError(f"the server in {self.plan.directory} ended right after it started")
        if not self._accounts:
            self._accounts = self._make_users()
        return Target(
            name="Rucket",
            endpoints=(self.endpoint,),
            s3_region=self.plan.settings.s3_region,
            accounts=self._accounts,
            metrics=(f"http://{_HOST}:{self.plan.settings.metrics_port}/metrics",),
            pids=(pid,),
        )

    def stop(self) -> None:
        """End its processes; its data stays."""
        self._substrate.remove(
            self.plan.directory, Path(self.plan.settings.data_dir), delete_data=False
        )

    def _make_users(self) -> tuple[Account, ...]:
        settings = self.plan.settings
        admin = AdminClient(
            Connection(
                self.endpoint,
                settings.s3_region,
                settings.access_key_id,
                settings.secret_access_key,
            )
        )
        accounts = []
        for user in self._users:
            record = admin.create_user(
                user.name, display_name=user.display_name or None, email=user.email or None
            )
            key = AccessKeyPair(f"{user.name}-{secrets.token_hex(6)}", secrets.token_hex(20))
            admin.create_access_key(user.name, key)
            accounts.append(
                Account(
                    name=record.name,
                    access_key_id=key.access_key_id,
                    secret_access_key=key.secret_access_key,
                    canonical_id=record.canonical_id,
                    display_name=record.display_name,
                    email=record.email or "",
                )
            )
        root = admin.find_user("root")
        canonical_id = root.canonical_id if root is not None else ""
        return (
            Account("root", settings.access_key_id, settings.secret_access_key, canonical_id),
            *accounts,
        )


@contextmanager
def own_server(
    settings: Mapping[str, Mapping[str, SettingValue]] | None = None,
    users: tuple[WantedUser, ...] = (),
    directory: Path | None = None,
    command_prefix: tuple[str, ...] = (),
) -> Iterator[OwnServer]:
    """A server, not started yet; ended, and its folder removed, when the context ends.

    Args:
        settings: Sections of its `rucket.toml`.
        users: Whom it knows besides root.
        directory: Where its data lies; a temporary folder if not given.
        command_prefix: What runs the server's command; it has to become it (exec).
    """
    folder = directory or Path(tempfile.mkdtemp(prefix="rucket-own-"))
    server = OwnServer(folder / "node", settings, users, command_prefix)
    try:
        yield server
    finally:
        with interrupts_deferred():
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)
