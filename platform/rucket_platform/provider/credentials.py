"""`rucket:platform:Credentials`: a region's root credentials, generated unless given.

They live in the stack's encrypted state and, readable by their owner only, beside the region's
nodes: data that outlives a `destroy` must be found again by the credentials that opened it.
"""

from __future__ import annotations

import json
import secrets
import string
from pathlib import Path
from typing import TYPE_CHECKING

from rucket_platform.provider.properties import UNKNOWN, Properties, is_unknown
from rucket_platform.provider.resource_kind import Effect, Found, changed
from rucket_platform.substrates.node_files import write_private
from rucket_platform.topology import DataRemoval

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID_ALPHABET = string.ascii_uppercase + "234567"
_ID_LENGTH = 20
_SECRET_BYTES = 30
_GIVEN = ("given_access_key_id", "given_secret_access_key")


class CredentialsKind:
    """Root credentials of regions."""

    token = "rucket:platform:Credentials"
    secrets = frozenset({"given_secret_access_key", "secret_access_key"})
    inputs: Mapping[str, bool] = {"directory": True, "data": True, **dict.fromkeys(_GIVEN, False)}
    desired: Mapping[str, object] = {"stored": True}

    def check(self, inputs: Properties) -> dict[str, str]:
        """Both halves are given, or none."""
        given = [key for key in _GIVEN if inputs.get(key) is not None]
        return {given[0]: "give both halves, or none"} if len(given) == 1 else {}

    def diff(self, state: Properties, inputs: Properties) -> dict[str, Effect]:
        """Everything changes in place, but another directory means another region."""
        effects = dict.fromkeys(changed(("data", "stored", *_GIVEN), state, inputs), Effect.UPDATE)
        return effects | dict.fromkeys(changed(("directory",), state, inputs), Effect.REPLACE)

    def preview(self, state: Properties, inputs: Properties) -> Properties:
        """Predict; what will be generated isn't known yet."""
        known = state or dict.fromkeys(("access_key_id", "secret_access_key"), UNKNOWN)
        pair = _given(inputs) or (known["access_key_id"], known["secret_access_key"])
        return _state(inputs, pair, stored=True)

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Use what is given, else what lies beside kept data, else generate."""
        directory = Path(inputs["directory"])
        pair = _given(inputs) or _stored(directory) or _generated()
        _store(directory, pair)
        return str(directory), _state(inputs, pair, stored=True)

    def read(self, resource_id: str, state: Properties, inputs: Properties) -> Found | None:
        """Look whether the stored copy still says the same."""
        stored = _stored(Path(resource_id))
        if not state:
            if stored is None:
                return None
            imported = {"directory": resource_id, "data": DataRemoval.KEEP.value}
            return Found(_state(imported, stored, stored=True), imported)
        pair = (state["access_key_id"], state["secret_access_key"])
        return Found(_state(inputs, pair, stored=stored == pair), inputs)

    def update(self, resource_id: str, state: Properties, inputs: Properties) -> Properties:
        """Keep the credentials unless others are given now."""
        pair = _given(inputs) or (state["access_key_id"], state["secret_access_key"])
        _store(Path(resource_id), pair)
        return _state(inputs, pair, stored=True)

    def delete(self, resource_id: str, state: Properties) -> None:
        """Forget them, unless the data stays."""
        if state["data"] == DataRemoval.DELETE:
            directory = Path(resource_id)
            _file(directory).unlink(missing_ok=True)
            if directory.exists() and not any(directory.iterdir()):
                directory.rmdir()


def _given(inputs: Properties) -> tuple[str, str] | None:
    access_key_id, secret_access_key = (inputs.get(key) for key in _GIVEN)
    if access_key_id is None or secret_access_key is None:
        return None
    if is_unknown(access_key_id) or is_unknown(secret_access_key):
        return UNKNOWN, UNKNOWN
    return str(access_key_id), str(secret_access_key)


def _generated() -> tuple[str, str]:
    access_key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
    return access_key_id, secrets.token_urlsafe(_SECRET_BYTES)


def _file(directory: Path) -> Path:
    return directory / "credentials.json"


def _stored(directory: Path) -> tuple[str, str] | None:
    try:
        body = json.loads(_file(directory).read_text(encoding="utf-8"))
        return str(body["access_key_id"]), str(body["secret_access_key"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _store(directory: Path, pair: tuple[str, str]) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    body = {"access_key_id": pair[0], "secret_access_key": pair[1]}
    write_private(_file(directory), json.dumps(body, indent=2) + "\n")


def _state(inputs: Properties, pair: tuple[str, str], *, stored: bool) -> Properties:
    return {
        **inputs,
        "access_key_id": pair[0],
        "secret_access_key": pair[1],
        "stored": stored,
    }
