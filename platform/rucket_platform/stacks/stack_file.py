"""Keeps the engine's salt out of the stack files, which are checked in.

Whenever the engine reads a stack file it writes into it how secrets are encrypted: a salt that
belongs to this machine's passphrase and means nothing elsewhere. The state holds it as well, and
`make env` has the engine take it from there. A file with encrypted values keeps its salt.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rucket_platform.stacks.workspace import Workspace

_SALT_LINE = re.compile(r"^encryptionsalt: *(\S+) *(\n|\Z)", re.MULTILINE)
_ENCRYPTED_VALUE = re.compile(r"\bsecure:")


@contextmanager
def without_salt(workspace: Workspace) -> Iterator[None]:
    """Let the engine work; afterwards the stack file is as it was, without this state's salt."""
    before = workspace.stack_file.read_text(encoding="utf-8")
    try:
        yield
    finally:
        wanted = remove_salt(before, _state_salt(workspace))
        if workspace.stack_file.read_text(encoding="utf-8") != wanted:
            workspace.stack_file.write_text(wanted, encoding="utf-8")


def remove_salt(text: str, state_salt: str | None) -> str:
    """Take out a salt that the state has too, unless values of the file are encrypted with it."""
    found = _SALT_LINE.search(text)
    if found is None or found[1] != state_salt or _ENCRYPTED_VALUE.search(text):
        return text
    return text[: found.start()] + text[found.end() :]


def _state_salt(workspace: Workspace) -> str | None:
    try:
        checkpoint = json.loads(workspace.checkpoint.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    latest = checkpoint.get("checkpoint", {}).get("latest") or {}
    providers = latest.get("secrets_providers") or {}
    salt = (providers.get("state") or {}).get("salt")
    return None if salt is None else str(salt)
