"""The six accounts that the suite wants, and the s3tests.conf that names them.

Source: s3-tests' s3tests.conf.SAMPLE, and what s3tests/functional/__init__.py reads.
"""

from __future__ import annotations

import configparser
import io
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rucket_platform.errors import TargetError
from rucket_platform.targets.own_server import WantedUser

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rucket_platform.targets.target import Account, Target

ROLES = ("main", "alt", "tenant", "iam", "iam-root", "iam-alt-root")
"""What the accounts are for: the names of users in a users file, `main` or `main-0`, `main-1` …
for several sets."""

_SECTIONS = {
    "main": "s3 main",
    "alt": "s3 alt",
    "tenant": "s3 tenant",
    "iam": "iam",
    "iam-root": "iam root",
    "iam-alt-root": "iam alt root",
}
_FURTHER_STORAGE_CLASSES = "STANDARD_IA, GLACIER_IR"
_HTTP_PORT, _HTTPS_PORT = 80, 443


def wanted_users(set_count: int) -> tuple[WantedUser, ...]:
    """The users that our own server makes: `set_count` sets of six."""
    return tuple(
        WantedUser(f"{role}-{number}", f"{role} {number}", f"{role}-{number}@example.com")
        for number in range(set_count)
        for role in ROLES
    )


def account_sets(accounts: Iterable[Account]) -> tuple[Mapping[str, Account], ...]:
    """The complete sets of six among `accounts`.

    Raises:
        TargetError: There is none; the text names who is missing.
    """
    by_name = {account.name: account for account in accounts}
    sets: list[Mapping[str, Account]] = []
    if all(role in by_name for role in ROLES):
        sets.append({role: by_name[role] for role in ROLES})
    number = 0
    while all(f"{role}-{number}" in by_name for role in ROLES):
        sets.append({role: by_name[f"{role}-{number}"] for role in ROLES})
        number += 1
    if not sets:
        missing = [role for role in ROLES if role not in by_name]
        raise TargetError(
            "the suite needs six accounts, each another user's: "
            f"{', '.join(ROLES)}; the users file lacks {', '.join(missing)}"
        )
    return tuple(sets)


def configuration_text(
    target: Target,
    accounts: Mapping[str, Account],
    *,
    bucket_prefix: str,
    lifecycle_day_s: int,
    with_storage_classes: bool,
) -> str:
    """The s3tests.conf for one set of accounts.

    Args:
        target: The server.
        accounts: By role.
        bucket_prefix: Of all buckets of the run, with "{random}" for what workers add.
        lifecycle_day_s: What the server takes for a day when it carries out lifecycle rules.
        with_storage_classes: Whether further storage classes are named.
    """
    url = urlsplit(target.endpoint)
    is_secure = url.scheme == "https"
    parser = configparser.RawConfigParser()
    parser["DEFAULT"] = {
        "host": url.hostname or "",
        "port": str(url.port or (_HTTPS_PORT if is_secure else _HTTP_PORT)),
        "is_secure": str(is_secure),
        "ssl_verify": "False",
    }
    parser["fixtures"] = {
        "bucket prefix": bucket_prefix,
        "iam name prefix": "rkt{random}-",
        "iam path prefix": "/rkt{random}/",
    }
    for role in ROLES:
        account = accounts[role]
        parser[_SECTIONS[role]] = {
            "access_key": account.access_key_id,
            "secret_key": account.secret_access_key,
            "user_id": account.canonical_id or account.name,
            "display_name": account.display_name or account.name,
            "email": account.email or f"{account.name}@example.com",
        }
    parser["s3 tenant"]["tenant"] = "testx"
    parser["s3 main"].update(
        {
            "api_name": target.s3_region,
            "kms_keyid": "testkey-1",
            "kms_keyid2": "testkey-2",
            "lc_debug_interval": str(lifecycle_day_s),
        }
    )
    if with_storage_classes:
        parser["s3 main"]["storage_classes"] = _FURTHER_STORAGE_CLASSES
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()
