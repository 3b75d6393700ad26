"""The accounts of a server that somebody else runs."""

from pathlib import Path

import pytest

from rucket_platform.errors import TargetError
from rucket_platform.targets.choice import endpoint_target
from rucket_platform.targets.users_file import read_users_file

GOOD = """
[[users]]
name = "main"
access_key = "AK"
secret_key = "the-secret"
canonical_id = "c1"

[[users]]
name = "alt"
access_key = "AK2"
secret_key = "another"
email = "alt@example.com"
"""


def test_accounts_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    """The first is the one that is used where one is enough."""
    path = tmp_path / "users.toml"
    path.write_text(GOOD)
    main, alt = read_users_file(path)
    assert (main.name, main.access_key_id, main.secret_access_key) == ("main", "AK", "the-secret")
    assert (main.canonical_id, alt.email, alt.display_name) == ("c1", "alt@example.com", "")
    assert "the-secret" not in repr(main)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "needs"),
        ("users = 3", "needs"),
        ("users = []", "needs"),
        (GOOD + "\n[other]\n", "needs"),
        (GOOD.replace('name = "alt"', 'name = "main"'), "twice"),
        (GOOD.replace("email", "mail"), "unknown key mail"),
        (GOOD.replace('"AK2"', '""'), r"users\[1\] has no access_key"),
        (GOOD.replace('"AK2"', "7"), "access_key is not a text"),
        ("users = [1]", "is not a table"),
        ("users = [", "not TOML"),
    ],
)
def test_a_wrong_file_is_told_what_is_wrong_without_its_secrets(
    tmp_path: Path, text: str, reason: str
) -> None:
    """The message names the file and the entry."""
    path = tmp_path / "users.toml"
    path.write_text(text)
    with pytest.raises(TargetError, match=reason) as caught:
        read_users_file(path)
    assert "the-secret" not in str(caught.value)


def test_a_missing_file_and_a_missing_scheme_are_told(tmp_path: Path) -> None:
    """Nothing is guessed."""
    with pytest.raises(TargetError, match="can't be read"):
        read_users_file(tmp_path / "nowhere.toml")
    with pytest.raises(TargetError, match="is not a URL"):
        endpoint_target("localhost:9000", "us-east-1", None)


def test_without_a_file_the_environment_s_account_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with every S3 tool; where it has none, both ways are named."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SK")
    target = endpoint_target("http://127.0.0.1:9000/", "us-east-1", None)
    assert (target.endpoint, target.accounts[0].access_key_id) == ("http://127.0.0.1:9000", "AK")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(TargetError, match="--users FILE"):
        endpoint_target("http://127.0.0.1:9000", "us-east-1", None)
