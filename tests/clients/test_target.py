"""Which endpoint is judged, and which versions of the clients are expected."""

import re
from pathlib import Path

import pytest

from tests.clients.locked_environments import ALL_CLIENTS, Client
from tests.clients.target import TargetError, target_from

NAMED = {
    "RUCKET_TEST_ENDPOINT": "http://127.0.0.1:9000/",
    "RUCKET_TEST_ACCESS_KEY": "a",
    "RUCKET_TEST_SECRET_KEY": "b",
    "RUCKET_TEST_ALT_ACCESS_KEY": "c",
    "RUCKET_TEST_ALT_SECRET_KEY": "d",
}


def test_without_an_endpoint_a_server_is_started() -> None:
    """Keys alone name no endpoint."""
    assert target_from({"RUCKET_TEST_ACCESS_KEY": "a"}) is None


def test_endpoint_comes_with_two_users_and_a_region() -> None:
    """The region has a default, the rest is named."""
    target = target_from(NAMED)

    assert target is not None
    assert (target.endpoint, target.region) == ("http://127.0.0.1:9000", "us-east-1")
    assert (target.owner.access_key, target.owner.secret_key) == ("a", "b")
    assert (target.stranger.access_key, target.stranger.secret_key) == ("c", "d")


@pytest.mark.parametrize("name", sorted(set(NAMED) - {"RUCKET_TEST_ENDPOINT"}))
def test_missing_variable_is_named(name: str) -> None:
    """An endpoint without all its keys is an error, not a server of one's own."""
    with pytest.raises(TargetError, match=rf"\b{name}\b"):
        target_from({key: value for key, value in NAMED.items() if key != name})


@pytest.mark.parametrize("client", ALL_CLIENTS, ids=lambda client: client.name)
def test_page_states_the_version(client: Client) -> None:
    """The table in docs/clients.md has the versions of the locks."""
    page = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")

    assert f"| {client.version.removeprefix('v')} |" in page


@pytest.mark.parametrize("client", ALL_CLIENTS, ids=lambda client: client.name)
def test_lock_pins_the_client(client: Client) -> None:
    """Every lock says which version of the client it is about, and how it is verified."""
    assert re.fullmatch(r"v?\d+(\.\d+)+", client.version)
    locked = "".join(path.read_text() for path in client.lock_paths)
    assert "--hash=sha256:" in locked or " h1:" in locked
