"""The six accounts, and the configuration that names them."""

import configparser

import pytest

from conformance.configuration import ROLES, account_sets, configuration_text, wanted_users
from rucket_platform.errors import TargetError
from rucket_platform.targets.target import Account, Target


def accounts(*names: str) -> tuple[Account, ...]:
    return tuple(Account(name, f"{name}-key", f"{name}-secret", f"{name}-id") for name in names)


def test_sets_of_accounts_are_found_by_their_names() -> None:
    """Plain names make the first set, numbered ones the others; a partial set is none."""
    plain = accounts(*ROLES)
    numbered = accounts(*(user.name for user in wanted_users(2)))
    assert len(account_sets(plain)) == 1
    assert len(account_sets(numbered[:-1])) == 1
    sets = account_sets((*plain, *numbered))
    assert [chosen["alt"].name for chosen in sets] == ["alt", "alt-0", "alt-1"]


def test_missing_accounts_are_named() -> None:
    """Six different users are what makes cross-user tests mean something."""
    with pytest.raises(TargetError, match="lacks tenant, iam-root"):
        account_sets(accounts("main", "alt", "iam", "iam-alt-root"))


@pytest.mark.parametrize(
    ("endpoint", "host", "port", "is_secure"),
    [
        ("http://127.0.0.1:9000", "127.0.0.1", "9000", "False"),
        ("https://s3.localhost", "s3.localhost", "443", "True"),
        ("http://s3.localhost/", "s3.localhost", "80", "False"),
    ],
)
def test_the_configuration_says_where_and_as_whom(
    endpoint: str, host: str, port: str, is_secure: str
) -> None:
    """Each role has a section with an account of its own."""
    target = Target("t", (endpoint,), "eu-north-1", accounts(*ROLES))
    (chosen,) = account_sets(target.accounts)
    text = configuration_text(
        target,
        chosen,
        bucket_prefix="rkt-one-{random}-",
        lifecycle_day_s=3,
        with_storage_classes=False,
    )
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    assert (parser["DEFAULT"]["host"], parser["DEFAULT"]["port"]) == (host, port)
    assert parser["DEFAULT"]["is_secure"] == is_secure
    assert parser["fixtures"]["bucket prefix"] == "rkt-one-{random}-"
    main = parser["s3 main"]
    assert (main["user_id"], main["api_name"]) == ("main-id", "eu-north-1")
    assert main["lc_debug_interval"] == "3"
    assert "storage_classes" not in main
    assert parser["iam alt root"]["secret_key"] == "iam-alt-root-secret"
    assert "storage_classes" in configuration_text(
        target,
        chosen,
        bucket_prefix="rkt-one-{random}-",
        lifecycle_day_s=3,
        with_storage_classes=True,
    )
