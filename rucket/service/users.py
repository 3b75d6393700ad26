"""Who is who: from an access key to a requester, from a canonical id to a name.

Users come from the configuration or, made by the admin API, from the index; the configuration wins.
Index rows are read with every request, so that a change is in force at once in every worker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from rucket.service.authorization.requester import Requester
from rucket.service.sealed_secrets import sealer_of
from rucket.state.rows import find_access_key, find_user, find_user_name

if TYPE_CHECKING:
    from rucket.model.records import User
    from rucket.ports.index import Snapshot
    from rucket.service.gateway import ConfiguredUser, Gateway, ServiceSettings


@dataclass(frozen=True, slots=True)
class Credentials:
    """Whose access key it is, and the secret that signatures are verified with."""

    requester: Requester
    secret_access_key: str = field(repr=False)


def find_credentials(gateway: Gateway, access_key_id: str) -> Credentials | None:
    """Whose access key this is; None if it is nobody's.

    Raises:
        CorruptionError: its secret can't be opened.
    """
    configured = _configured_credentials(gateway.settings).get(access_key_id)
    if configured is not None:
        return configured
    with gateway.index.snapshot() as snapshot:
        access_key = find_access_key(snapshot, access_key_id)
        user = None if access_key is None else find_user(snapshot, access_key.user_name)
    if access_key is None or user is None:
        return None
    secret = sealer_of(gateway.settings.sealing_key).open(access_key)
    return Credentials(_requester(user), secret)


@lru_cache(maxsize=16)
def _configured_credentials(settings: ServiceSettings) -> dict[str, Credentials]:
    """Those of the configuration, by access key; of two users with the same one, the first's."""
    return {
        user.access_key_id: Credentials(_configured_requester(user), user.secret_access_key)
        for user in reversed(settings.users)
    }


def display_name_of(settings: ServiceSettings, snapshot: Snapshot, canonical_id: str) -> str:
    """How the user with this canonical id is called; empty for one who is gone."""
    for configured in settings.users:
        if configured.canonical_id == canonical_id:
            return configured.display_name
    name = find_user_name(snapshot, "canonical_id", canonical_id)
    user = None if name is None else find_user(snapshot, name)
    return "" if user is None else user.display_name


def _configured_requester(user: ConfiguredUser) -> Requester:
    return Requester(user.canonical_id, user.name, user.display_name, is_root=user.is_root)


def _requester(user: User) -> Requester:
    return Requester(user.canonical_id, user.name, user.display_name)
