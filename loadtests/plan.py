"""What a run is to do: what the master and its workers agree on, before Locust is imported."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from rucket_platform.clients.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence

PROFILE_NAMES = ("small", "large", "multipart", "listing", "mixed", "overwrite", "versioned")
"""The keys of `loadtests.users.PROFILES`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker has to know.

    Attributes:
        endpoints: Worker N uses number N, in turn.
        master_port: Where the master listens, on this machine.
        started_at_s: Second 0 of the run, Unix time.
    """

    profile: str
    endpoints: tuple[str, ...]
    s3_region: str
    bucket: str
    master_port: int
    started_at_s: float
    access_key_id: str
    secret_access_key: str = field(repr=False)

    def connection(self, number: int) -> Connection:
        """The endpoint and account of a worker."""
        return Connection(
            self.endpoints[number % len(self.endpoints)],
            self.s3_region,
            self.access_key_id,
            self.secret_access_key,
        )

    def to_json(self) -> str:
        """For the pipe to a worker, and nothing else: it has the secret."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """What `to_json` wrote."""
        content = json.loads(text)
        endpoints: Sequence[str] = content.pop("endpoints")
        return cls(endpoints=tuple(endpoints), **content)
