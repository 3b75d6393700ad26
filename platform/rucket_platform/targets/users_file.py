"""The accounts of a server that somebody else runs: a TOML file.

```toml
[[users]]
name = "main"
access_key = "…"
secret_key = "…"
canonical_id = "…"     # optional, as are display_name and email
```
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from rucket_platform.errors import TargetError
from rucket_platform.targets.target import Account

if TYPE_CHECKING:
    from pathlib import Path

_FIELDS = {
    "name": "name",
    "access_key": "access_key_id",
    "secret_key": "secret_access_key",
    "canonical_id": "canonical_id",
    "display_name": "display_name",
    "email": "email",
}
_REQUIRED = ("name", "access_key", "secret_key")


def read_users_file(path: Path) -> tuple[Account, ...]:
    """The accounts, in the order of the file.

    Raises:
        TargetError: It can't be read, or an entry is wrong; secrets aren't repeated.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TargetError(f"the users file can't be read: {error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TargetError(f"{path} is not TOML: {error}") from error
    entries = content.get("users")
    if set(content) != {"users"} or not isinstance(entries, list) or not entries:
        raise TargetError(f"{path} needs [[users]] entries, and nothing else")
    accounts = tuple(_account(path, number, entry) for number, entry in enumerate(entries))
    names = [account.name for account in accounts]
    if len(set(names)) < len(names):
        raise TargetError(f"{path} names a user twice")
    return accounts


def _account(path: Path, number: int, entry: Any) -> Account:
    where = f"{path}: users[{number}]"
    if not isinstance(entry, dict):
        raise TargetError(f"{where} is not a table")
    if unknown := sorted(set(entry) - set(_FIELDS)):
        raise TargetError(
            f"{where} has the unknown key {unknown[0]}; there are {', '.join(_FIELDS)}"
        )
    for key in _REQUIRED:
        if not entry.get(key):
            raise TargetError(f"{where} has no {key}")
    if wrong := [key for key, value in entry.items() if not isinstance(value, str)]:
        raise TargetError(f"{where}: {wrong[0]} is not a text")
    return Account(**{_FIELDS[key]: value for key, value in entry.items()})
