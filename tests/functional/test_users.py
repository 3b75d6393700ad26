"""Users and access keys by the admin API, and what they may do then."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.conftest import s3_client
from tests.functional.raw_http import RawClient
from tests.server_process import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.target import Target

WORKER_PATIENCE = 20
"""How often something is tried where any of the workers might answer."""


class Admin:
    """The admin API, as root."""

    def __init__(self, raw: RawClient) -> None:
        self._raw = raw

    def call(self, method: str, path: str, value: object = None) -> tuple[int, Any]:
        """Status and decoded answer."""
        body = b"" if value is None else json.dumps(value).encode()
        answer = self._raw.request(method, f"/_admin/v1{path}", body=body)
        return answer.status, json.loads(answer.body) if answer.body else None


@pytest.fixture
def admin(target: Target, root_credentials: Credentials) -> Iterator[Admin]:
    """The admin API, as root."""
    with RawClient(target.endpoint, target.region, root_credentials) as raw:
        yield Admin(raw)


@pytest.fixture
def user_name(admin: Admin) -> Iterator[str]:
    """A name for a user that the test may make."""
    name = f"user-{secrets.token_hex(4)}"
    yield name
    admin.call("DELETE", f"/users/{name}")


def credentials_of(user: dict[str, Any]) -> Credentials:
    """The access key that the admin API gave out."""
    return Credentials("new", user["access_key_id"], user["secret_access_key"])


def test_info_is_there(admin: Admin) -> None:
    """Version, region, node and start."""
    status, info = admin.call("GET", "/info")

    assert status == 200
    assert set(info) == {"version", "region", "node_id", "started_at"}


def test_a_new_user_can_work_at_once_in_every_worker(
    target: Target, admin: Admin, user_name: str
) -> None:
    """And has nothing in common with the others."""
    status, user = admin.call("POST", "/users", {"name": user_name})

    assert status == 201
    for _ in range(WORKER_PATIENCE):
        # A client of its own has a connection of its own, which may lead to another worker.
        assert s3_client(target, credentials_of(user)).list_buckets()["Buckets"] == []


def test_a_deleted_user_is_out_at_once_in_every_worker(
    target: Target, admin: Admin, user_name: str
) -> None:
    """Not one more request."""
    _, user = admin.call("POST", "/users", {"name": user_name})
    s3_client(target, credentials_of(user)).list_buckets()

    status, _ = admin.call("DELETE", f"/users/{user_name}")

    assert status == 204
    for _ in range(WORKER_PATIENCE):
        with pytest.raises(ClientError) as caught:
            s3_client(target, credentials_of(user)).list_buckets()
        assert caught.value.response["Error"]["Code"] == "InvalidAccessKeyId"


def test_an_owner_of_buckets_stays(target: Target, admin: Admin, user_name: str) -> None:
    """Until the buckets are gone."""
    _, user = admin.call("POST", "/users", {"name": user_name})
    client = s3_client(target, credentials_of(user))
    client.create_bucket(Bucket=user_name)

    refused, error = admin.call("DELETE", f"/users/{user_name}")
    client.delete_bucket(Bucket=user_name)
    deleted, _ = admin.call("DELETE", f"/users/{user_name}")

    assert (refused, error["error"]["code"]) == (409, "UserOwnsBuckets")
    assert deleted == 204


def test_access_keys_can_be_replaced(target: Target, admin: Admin, user_name: str) -> None:
    """The new one works before the old one goes."""
    _, user = admin.call("POST", "/users", {"name": user_name})
    _, new = admin.call("POST", f"/users/{user_name}/access-keys", {})
    s3_client(target, credentials_of(new)).list_buckets()

    old = user["access_key_id"]
    status, _ = admin.call("DELETE", f"/users/{user_name}/access-keys/{old}")

    assert status == 204
    with pytest.raises(ClientError):
        s3_client(target, credentials_of(user)).list_buckets()
    _, keys = admin.call("GET", f"/users/{user_name}/access-keys")
    assert keys == {"access_keys": [{"access_key_id": new["access_key_id"]}]}


def test_the_admin_api_is_for_root_only(target: Target) -> None:
    """Others get 403 in JSON."""
    with RawClient(target.endpoint, target.region, target.owner) as raw:
        answer = raw.request("GET", "/_admin/v1/users")

    assert answer.status == 403
    assert json.loads(answer.body)["error"]["code"] == "AccessDenied"


def test_users_of_the_configuration_are_shown_and_left_alone(admin: Admin) -> None:
    """They are changed in the configuration."""
    _, listed = admin.call("GET", "/users")
    configured = [user["name"] for user in listed["users"] if user["source"] == "config"]

    status, error = admin.call("DELETE", f"/users/{configured[-1]}")

    assert configured[0] == "root"
    assert (status, error["error"]["code"]) == (409, "UserFromConfig")
