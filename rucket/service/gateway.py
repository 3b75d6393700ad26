"""What a request may use: the node as the service layer sees it, ports and a few settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rucket.service.encryption.object_encryption import NO_ENCRYPTION, ObjectEncryption
from rucket.service.open_readers import OpenReaders

if TYPE_CHECKING:
    from rucket.ports.blobs import Blobs
    from rucket.ports.clock import Clock
    from rucket.ports.commits import Commits
    from rucket.ports.index import IndexReader
    from rucket.ports.random import Random
    from rucket.ports.tasks import Tasks
    from rucket.state.placement import PlacementPolicy


@dataclass(frozen=True, slots=True)
class ConfiguredUser:
    """A user of the configuration file; the root user is one as well."""

    name: str
    canonical_id: str
    display_name: str
    email: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    is_root: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ServiceSettings:
    """Settings that requests depend on. There is one of them: it is equal to itself alone.

    Attributes:
        region: where buckets are made, and what signatures are scoped to.
        domains: base domains of virtual-host style requests.
        users: the configuration's users, root first.
        sealing_key: 32 bytes that secret access keys are encrypted under at rest.
        inline_size_bytes_max: bodies up to this size ride in the log and the index.
        body_size_bytes_max: the largest body of one request.
        requests_in_flight_max: per worker; more are answered SlowDown.
        body_idle_timeout_s: how long a client may send nothing while its body is awaited.
        body_bytes_per_s_min: the rate at which it must send, on average, after that time.
        commit_timeout_s: how long a commit may take before the answer is ServiceUnavailable.
    """

    region: str
    domains: tuple[str, ...]
    users: tuple[ConfiguredUser, ...]
    sealing_key: bytes = field(repr=False)
    version: str
    node_id: str
    started_at_ms: int
    inline_size_bytes_max: int = 8 * 1024
    body_size_bytes_max: int = 5 * 1024**3
    requests_in_flight_max: int = 512
    body_idle_timeout_s: float = 60.0
    body_bytes_per_s_min: int = 1024
    commit_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """The ports a request is carried out with.

    Attributes:
        encryption: what becomes of the bytes on their way to log, index and devices, and back.
    """

    index: IndexReader
    commits: Commits
    blobs: Blobs
    tasks: Tasks
    clock: Clock
    random: Random
    settings: ServiceSettings
    placement: PlacementPolicy
    encryption: ObjectEncryption = NO_ENCRYPTION
    readers: OpenReaders = field(default_factory=OpenReaders)
