"""An S3 server to judge, as every kit sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

from rucket_platform.clients.connection import Connection


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign requests.

    Attributes:
        canonical_id: What ACLs and owners name; empty where it isn't known.
    """

    name: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    canonical_id: str = ""
    display_name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A server with accounts.

    Attributes:
        name: For titles of reports.
        endpoints: URLs; several if several nodes serve the same buckets.
        accounts: At least one; the first is the one that is used where one is enough.
        metrics: URLs of `/metrics`, where the server is a Rucket that says so.
        pids: Of the processes that serve it, on this machine, where they are known: those whose
            CPU time counts, children included.
    """

    name: str
    endpoints: tuple[str, ...]
    s3_region: str
    accounts: tuple[Account, ...]
    metrics: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()

    @property
    def endpoint(self) -> str:
        """The first endpoint."""
        return self.endpoints[0]

    def connection(self, account: Account | None = None) -> Connection:
        """The first endpoint, as `account` (the first one) uses it."""
        chosen = account or self.accounts[0]
        return Connection(
            self.endpoint, self.s3_region, chosen.access_key_id, chosen.secret_access_key
        )
