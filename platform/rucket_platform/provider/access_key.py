"""`rucket:platform:AccessKey`: an access key of a user; its id is `USER/ACCESS_KEY_ID`.

Both halves derive from the region's root secret, the user and the key's number. So creating one
a second time, after an interrupted run or on kept data, gives the same key instead of leaving a
working one behind that nobody knows of. Another number gives another key: that is how to rotate.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from rucket_platform.clients.admin import AccessKeyPair, AdminClient
from rucket_platform.errors import ResourceRefused, ServerUnreachable
from rucket_platform.provider.properties import UNKNOWN, Properties
from rucket_platform.provider.resource_kind import Effect, Found, changed, require_connection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket_platform.clients.connection import Connection

_ID_LENGTH = 20
_SECRET_LENGTH = 40


class AccessKeyKind:
    """Access keys in the region that the provider instance is bound to."""

    token = "rucket:platform:AccessKey"
    secrets = frozenset({"secret_access_key"})
    inputs: Mapping[str, bool] = {"user": True, "number": True}
    desired: Mapping[str, object] = {}

    def __init__(self, connection: Connection | None) -> None:
        self._connection = connection

    def check(self, inputs: Properties) -> dict[str, str]:
        """Nothing can be wrong beyond a missing input."""
        del inputs
        return {}

    def diff(self, state: Properties, inputs: Properties) -> dict[str, Effect]:
        """Another user or number is another key."""
        if state.get("number") is None:
            # An imported key has no number; declaring one for it changes nothing.
            return dict.fromkeys(changed(("user",), state, inputs), Effect.REPLACE)
        return dict.fromkeys(changed(("user", "number"), state, inputs), Effect.REPLACE)

    def preview(self, state: Properties, inputs: Properties) -> Properties:
        """Predict; the key isn't known before the region's credentials are."""
        keys = ("access_key_id", "secret_access_key")
        return {**inputs, **{key: state.get(key, UNKNOWN) for key in keys}}

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Give the user its key, unless it has it already."""
        connection = require_connection(self._connection)
        admin = AdminClient(connection)
        user = inputs["user"]
        key = _derived(connection, user, inputs["number"])
        record = admin.find_user(user)
        if record is None:
            raise ResourceRefused(f"there is no user {user} to give an access key to")
        if key.access_key_id not in record.access_key_ids:
            admin.create_access_key(user, key)
        return f"{user}/{key.access_key_id}", {
            **inputs,
            "access_key_id": key.access_key_id,
            "secret_access_key": key.secret_access_key,
        }

    def read(self, resource_id: str, state: Properties, inputs: Properties) -> Found | None:
        """Look whether it is there; a region that is down keeps what was known.

        The server never shows a secret again, so an imported key has none.
        """
        user, access_key_id = _split(resource_id)
        try:
            record = AdminClient(require_connection(self._connection)).find_user(user)
        except ServerUnreachable:
            if not state:
                raise
            return Found(state, inputs)
        if record is None or access_key_id not in record.access_key_ids:
            return None
        if state:
            return Found(state, inputs)
        return Found({"user": user, "access_key_id": access_key_id}, {"user": user})

    def update(self, resource_id: str, state: Properties, inputs: Properties) -> Properties:
        """Nothing about a key changes in place but what we know of it."""
        del resource_id
        return {**state, **inputs}

    def delete(self, resource_id: str, state: Properties) -> None:
        """Take the key away."""
        del state
        user, access_key_id = _split(resource_id)
        admin = AdminClient(require_connection(self._connection))
        admin.delete_access_key(user, access_key_id)


def _derived(connection: Connection, user: str, number: int) -> AccessKeyPair:
    def digest(half: str) -> bytes:
        message = f"rucket access key, format 1\0{half}\0{number}\0{user}"
        return hmac.digest(connection.secret_access_key.encode(), message.encode(), hashlib.sha256)

    return AccessKeyPair(
        access_key_id=base64.b32encode(digest("id")).decode()[:_ID_LENGTH],
        secret_access_key=base64.urlsafe_b64encode(digest("secret")).decode()[:_SECRET_LENGTH],
    )


def _split(resource_id: str) -> tuple[str, str]:
    user, separator, access_key_id = resource_id.rpartition("/")
    if not separator or not user or not access_key_id:
        raise ResourceRefused(f"{resource_id!r} is not USER/ACCESS_KEY_ID")
    return user, access_key_id
