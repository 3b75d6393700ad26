"""The admin API in process: users and access keys, effective at once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rucket.wire.app import make_app
from tests.unit.fakes import ALICE, ROOT, Node
from tests.unit.in_process_client import Client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.unit.in_process_client import Answer


class Setting:
    """A node with its root user."""

    def __init__(self) -> None:
        self.node = Node()
        self.application = make_app(self.node.gateway)
        self.root = Client(self.application, ROOT)

    async def call(self, method: str, path: str, value: object = None) -> Answer:
        """A request of the root user."""
        body = b"" if value is None else json.dumps(value).encode()
        return await self.root.request(method, f"/_admin/v1{path}", body)

    def user(self, access_key: dict[str, Any]) -> Client:
        """A client with an access key that the admin API gave out."""
        configured = replace(
            ALICE,
            access_key_id=access_key["access_key_id"],
            secret_access_key=access_key["secret_access_key"],
        )
        return Client(self.application, configured)


def run(scenario: Callable[[Setting], Awaitable[None]]) -> None:
    """Runs a scenario against a node of its own."""

    async def body() -> None:
        await scenario(Setting())

    asyncio.run(body())


def error_of(answer: Answer) -> tuple[int, str]:
    """Status and code."""
    return answer.status, json.loads(answer.body)["error"]["code"]


def test_info_tells_about_the_node() -> None:
    """Version, region, node id and start."""

    async def scenario(setting: Setting) -> None:
        answer = await setting.call("GET", "/info")

        assert json.loads(answer.body) == {
            "version": "0.0.0",
            "region": "us-east-1",
            "node_id": "test-node",
            "started_at": "2023-11-14T22:13:20.000+00:00",
        }
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["x-amz-request-id"]

    run(scenario)


def test_a_user_lives_from_post_to_delete() -> None:
    """A new user can sign at once; a deleted one can't any more."""

    async def scenario(setting: Setting) -> None:
        created = await setting.call("POST", "/users", {"name": "carol", "email": "c@example.com"})
        carol = json.loads(created.body)
        client = setting.user(carol)
        first = await client.request("PUT", "/carols")
        refused = await setting.call("DELETE", "/users/carol")
        await client.request("DELETE", "/carols")
        deleted = await setting.call("DELETE", "/users/carol")
        late = await client.request("GET", "/")

        assert created.status == 201
        assert (carol["display_name"], carol["source"]) == ("carol", "api")
        assert len(carol["canonical_id"]) == 64
        assert first.status == 200
        assert error_of(refused) == (409, "UserOwnsBuckets")
        assert (deleted.status, deleted.body) == (204, b"")
        assert late.error_code == "InvalidAccessKeyId"

    run(scenario)


def test_a_secret_is_shown_once() -> None:
    """Neither the user, nor the list, nor the index shows it again."""

    async def scenario(setting: Setting) -> None:
        wanted = {"name": "carol", "access_key_id": "CAROL", "secret_access_key": "hush-hush"}
        created = await setting.call("POST", "/users", wanted)
        shown = await setting.call("GET", "/users/carol")
        listed = await setting.call("GET", "/users")

        assert json.loads(created.body)["secret_access_key"] == "hush-hush"
        assert json.loads(shown.body)["access_keys"] == [{"access_key_id": "CAROL"}]
        assert b"hush-hush" not in shown.body + listed.body
        assert not any(b"hush" in str(c).encode() for c in setting.node.commits.commands)

    run(scenario)


def test_users_of_both_kinds_are_listed() -> None:
    """The configuration's first, each with where it comes from."""

    async def scenario(setting: Setting) -> None:
        await setting.call("POST", "/users", {"name": "carol", "create_access_key": False})

        users = json.loads((await setting.call("GET", "/users")).body)["users"]

        assert [(user["name"], user["source"]) for user in users] == [
            ("root", "config"),
            ("alice", "config"),
            ("bob", "config"),
            ("carol", "api"),
        ]
        assert users[-1]["access_keys"] == []

    run(scenario)


def test_a_user_can_be_changed() -> None:
    """Display name and e-mail; the rest stays."""

    async def scenario(setting: Setting) -> None:
        created = json.loads((await setting.call("POST", "/users", {"name": "carol"})).body)

        answer = await setting.call("PATCH", "/users/carol", {"display_name": "Carol C."})

        changed = json.loads(answer.body)
        assert changed["display_name"] == "Carol C."
        assert changed["canonical_id"] == created["canonical_id"]

    run(scenario)


def test_access_keys_come_and_go() -> None:
    """A second key works beside the first; a deleted one doesn't work any more."""

    async def scenario(setting: Setting) -> None:
        await setting.call("POST", "/users", {"name": "carol"})
        made = await setting.call("POST", "/users/carol/access-keys")
        second = json.loads(made.body)
        client = setting.user(second)
        before = await client.request("GET", "/")
        listed = json.loads((await setting.call("GET", "/users/carol/access-keys")).body)
        path = f"/users/carol/access-keys/{second['access_key_id']}"
        deleted = await setting.call("DELETE", path)
        after = await client.request("GET", "/")
        again = await setting.call("DELETE", path)

        assert made.status == 201
        assert len(listed["access_keys"]) == 2
        assert (before.status, deleted.status) == (200, 204)
        assert after.error_code == "InvalidAccessKeyId"
        assert error_of(again) == (404, "NoSuchAccessKey")

    run(scenario)


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": "alice"},
        {"name": "carol"},
        {"name": "dave", "email": "ALICE@example.com"},
        {"name": "dave", "email": "carol@example.com"},
        {"name": "dave", "canonical_id": ALICE.canonical_id},
        {"name": "dave", "access_key_id": ALICE.access_key_id},
        {"name": "dave", "access_key_id": "CAROLSKEY"},
    ],
    ids=["name", "name-api", "email", "email-api", "canonical-id", "key", "key-api"],
)
def test_what_is_somebody_elses_is_refused(wanted: dict[str, object]) -> None:
    """Neither users of the configuration nor others can be doubled; nothing is left behind."""

    async def scenario(setting: Setting) -> None:
        carol = {"name": "carol", "email": "carol@example.com", "access_key_id": "CAROLSKEY"}
        await setting.call("POST", "/users", carol)

        answer = await setting.call("POST", "/users", wanted)

        assert error_of(answer) == (409, "UserAlreadyExists")
        assert (await setting.call("GET", "/users/dave")).status == 404

    run(scenario)


@pytest.mark.parametrize(
    ("method", "path", "value", "expected"),
    [
        ("GET", "/users/nobody", None, (404, "NoSuchUser")),
        ("DELETE", "/users/nobody", None, (404, "NoSuchUser")),
        ("PATCH", "/users/nobody", {}, (404, "NoSuchUser")),
        ("POST", "/users/nobody/access-keys", {}, (404, "NoSuchUser")),
        ("DELETE", "/users/nobody/access-keys/X", None, (404, "NoSuchUser")),
        ("DELETE", "/users/alice", None, (409, "UserFromConfig")),
        ("PATCH", "/users/alice", {"display_name": "A"}, (409, "UserFromConfig")),
        ("POST", "/users/alice/access-keys", {}, (409, "UserFromConfig")),
        ("POST", "/users", {"name": "a/b"}, (400, "InvalidArgument")),
        ("POST", "/users", {"name": "carol", "colour": "red"}, (400, "InvalidArgument")),
        ("POST", "/users", {"name": "carol", "email": "nonsense"}, (400, "InvalidArgument")),
        ("POST", "/users", {"name": "carol", "secret_access_key": "x"}, (400, "InvalidArgument")),
        ("POST", "/users", ["carol"], (400, "InvalidArgument")),
        ("GET", "/nothing", None, (404, "NoSuchPath")),
        ("PUT", "/users", {}, (405, "MethodNotAllowed")),
        ("POST", "/users", {"name": "x" * 70_000}, (400, "MaxMessageLengthExceeded")),
    ],
)
def test_mistakes_are_told_as_json(
    method: str, path: str, value: object, expected: tuple[int, str]
) -> None:
    """Each with its status and code."""

    async def scenario(setting: Setting) -> None:
        assert error_of(await setting.call(method, path, value)) == expected

    run(scenario)


def test_the_admin_api_is_for_root_only() -> None:
    """Others get 403, with or without a signature, also in JSON."""

    async def scenario(setting: Setting) -> None:
        as_alice = Client(setting.application, ALICE)
        as_nobody = Client(setting.application, None)

        assert error_of(await as_alice.request("GET", "/_admin/v1/users")) == (403, "AccessDenied")
        assert error_of(await as_nobody.request("GET", "/_admin/v1/info")) == (403, "AccessDenied")

    run(scenario)


def test_a_crash_is_told_as_json() -> None:
    """InternalError, without details."""

    async def scenario(setting: Setting) -> None:
        setting.node.commits.failure = ZeroDivisionError("details")

        answer = await setting.call("POST", "/users", {"name": "carol"})

        assert error_of(answer) == (500, "InternalError")
        assert b"details" not in answer.body

    run(scenario)
