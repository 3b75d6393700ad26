"""What the provider decides without an engine: check, diff, preview and the form of properties."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from pulumi.provider.experimental.provider import (
    CheckRequest,
    ConfigureRequest,
    CreateRequest,
    DiffRequest,
    GetSchemaRequest,
    PropertyDiffKind,
    ReadRequest,
)

from rucket_platform.clients.connection import Connection
from rucket_platform.errors import ResourceRefused
from rucket_platform.provider.access_key import AccessKeyKind
from rucket_platform.provider.bucket import BucketKind
from rucket_platform.provider.credentials import CredentialsKind
from rucket_platform.provider.node import NodeKind
from rucket_platform.provider.properties import UNKNOWN, from_engine, is_unknown, to_engine
from rucket_platform.provider.resource_kind import Effect
from rucket_platform.provider.rucket_provider import RucketProvider
from rucket_platform.provider.user import UserKind
from rucket_platform.substrates.substrate import (
    ConfigStatus,
    NodePlan,
    NodeStatus,
    Observation,
)

NODE_TYPE = "rucket:platform:Node"
UNREACHABLE = Connection("http://127.0.0.1:1", "eu", "root", "hush")


class FakeSubstrate:
    """Runs nothing; remembers what it was asked to run."""

    def __init__(self) -> None:
        self.plans: list[NodePlan] = []
        self.seen = Observation(NodeStatus.RUNNING, ConfigStatus.AS_DECLARED, 1)
        self.removed: list[tuple[Path, bool]] = []

    def ensure(self, plan: NodePlan) -> Observation:
        self.plans.append(plan)
        return self.seen

    def observe(self, plan: NodePlan) -> Observation:
        del plan
        return self.seen

    def status(self, directory: Path, endpoint: str) -> tuple[NodeStatus, int | None]:
        del directory, endpoint
        return self.seen.status, self.seen.pid

    def remove(self, directory: Path, data_dir: Path, *, delete_data: bool) -> None:
        del data_dir
        self.removed.append((directory, delete_data))


def inputs(**changes: Any) -> dict[str, Any]:
    return {
        "directory": "/state/eu/eu-1",
        "region": "eu",
        "node": "eu-1",
        "command": ["rucket"],
        "bind": "127.0.0.1",
        "port": 1,
        "metrics_port": 2,
        "s3_region": "eu",
        "data_dir": "/state/eu/eu-1/data",
        "access_key_id": "root",
        "secret_access_key": "hush",
        "sections": {"server": {"workers": 2}},
        "data": "keep",
        "start_timeout_s": 60,
        "status": "running",
        "config": "as declared",
        **changes,
    }


def state(**changes: Any) -> dict[str, Any]:
    computed = {"endpoint": "http://127.0.0.1:1", "metrics": "m", "pid": 7, "version": "0.1.0"}
    return {**inputs(), **computed, **changes}


def urn(resource_type: str) -> str:
    return f"urn:pulumi:test::rucket::rucket:platform:Region${resource_type}::name"


def test_an_unchanged_node_needs_nothing() -> None:
    """Equal inputs and a healthy node: no diff."""
    assert NodeKind(FakeSubstrate()).diff(state(), inputs()) == {}


@pytest.mark.parametrize(
    ("key", "value", "effect"),
    [
        ("port", 5, Effect.UPDATE),
        ("metrics_port", 5, Effect.UPDATE),
        ("bind", "::1", Effect.UPDATE),
        ("secret_access_key", "other", Effect.UPDATE),
        ("sections", {"server": {"workers": 3}}, Effect.UPDATE),
        ("command", ["/opt/rucket"], Effect.UPDATE),
        ("image", "rucket:0.2.0", Effect.UPDATE),
        ("data", "delete", Effect.UPDATE),
        ("data_dir", "/elsewhere", Effect.REPLACE),
        ("region", "us", Effect.REPLACE),
        ("node", "eu-2", Effect.REPLACE),
        ("s3_region", "us-east-1", Effect.REPLACE),
        ("directory", "/other/eu/eu-1", Effect.REPLACE),
    ],
)
def test_each_change_of_a_node_has_its_effect(key: str, value: object, effect: Effect) -> None:
    """The table at the top of provider/node.py."""
    assert NodeKind(FakeSubstrate()).diff(state(), inputs(**{key: value})) == {key: effect}


@pytest.mark.parametrize(("key", "found"), [("status", "dead"), ("config", "changed by hand")])
def test_what_refresh_found_is_put_right_in_place(key: str, found: str) -> None:
    """A dead or hand-changed node is an update, shown with its old and new value."""
    provider = RucketProvider(FakeSubstrate())
    request = DiffRequest(
        urn(NODE_TYPE),
        "id",
        to_engine(state(**{key: found}), frozenset()),
        to_engine(inputs(), frozenset()),
        [],
    )

    answer = asyncio.run(provider.diff(request))

    assert answer.changes is True
    assert answer.replaces == []
    assert {k: v.kind for k, v in answer.detailed_diff.items()} == {key: PropertyDiffKind.UPDATE}


def test_a_restart_makes_the_pid_unknown_and_a_quiet_change_does_not() -> None:
    """A preview promises no pid that it can't know."""
    kind = NodeKind(FakeSubstrate())

    restarted = kind.preview(state(), inputs(port=5))
    quiet = kind.preview(state(), inputs(data="delete"))

    assert restarted["pid"] == UNKNOWN
    assert restarted["endpoint"] == "http://127.0.0.1:5"
    assert quiet["pid"] == 7


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"directory": "relative"}, "directory"),
        ({"data": "burn"}, "data"),
        ({"bind": "0.0.0.0", "access_key_id": "rucket"}, "access_key_id"),
        ({"image": "rucket:1", "access_key_id": "rucket"}, "access_key_id"),
        ({"colour": "red"}, "colour"),
        ({"port": None}, "port"),
    ],
)
def test_wrong_inputs_fail_the_check(changes: dict[str, Any], key: str) -> None:
    """The property is named before anything runs."""
    provider = RucketProvider(FakeSubstrate())
    request = CheckRequest(urn(NODE_TYPE), {}, to_engine(inputs(**changes), frozenset()), b"")

    answer = asyncio.run(provider.check(request))

    assert [failure.property for failure in answer.failures or []] == [key]


def test_a_dry_create_runs_nothing_and_a_real_one_hides_the_secret() -> None:
    """Preview touches no substrate; the created state marks the secret."""
    substrate = FakeSubstrate()
    provider = RucketProvider(substrate)
    properties = to_engine(inputs(), frozenset())

    dry = asyncio.run(provider.create(CreateRequest(urn(NODE_TYPE), properties, 0, preview=True)))
    planned = list(substrate.plans)
    real = asyncio.run(provider.create(CreateRequest(urn(NODE_TYPE), properties, 0, preview=False)))

    assert planned == []
    assert dry.properties["pid"].value == UNKNOWN
    assert [plan.settings.port for plan in substrate.plans] == [1]
    assert real.resource_id == "/state/eu/eu-1"
    assert real.properties["secret_access_key"].is_secret
    assert not real.properties["port"].is_secret


def test_deleting_a_node_does_with_its_data_as_declared() -> None:
    """The removal policy of the state decides."""
    substrate = FakeSubstrate()

    NodeKind(substrate).delete("/state/eu/eu-1", state(data="delete"))

    assert substrate.removed == [(Path("/state/eu/eu-1"), True)]


def test_generated_credentials_survive_a_lost_state(tmp_path: Path) -> None:
    """With kept data they are found again; with deleted data they are forgotten."""
    kind = CredentialsKind()
    declared = {"directory": str(tmp_path / "eu"), "data": "keep"}

    resource_id, first = kind.create(declared)
    kind.delete(resource_id, first)
    _, second = kind.create(declared)
    kind.delete(resource_id, second | {"data": "delete"})
    _, third = kind.create(declared)

    assert first["secret_access_key"] == second["secret_access_key"]
    assert third["secret_access_key"] != first["secret_access_key"]
    assert len(first["access_key_id"]) == 20
    found = kind.read(resource_id, third, declared)
    assert found is not None
    assert kind.diff(found.state, declared | {"stored": True}) == {}


def test_lost_stored_credentials_are_written_again(tmp_path: Path) -> None:
    """The state is the truth; the file beside the nodes follows it."""
    kind = CredentialsKind()
    declared = {"directory": str(tmp_path), "data": "keep"}
    resource_id, made = kind.create(declared)
    (tmp_path / "credentials.json").unlink()

    found = kind.read(resource_id, made, declared)
    assert found is not None
    wanted = {**declared, "stored": True}
    effects = kind.diff(found.state, wanted)
    kind.update(resource_id, found.state, wanted)

    assert effects == {"stored": Effect.UPDATE}
    assert (tmp_path / "credentials.json").exists()


def test_given_credentials_are_used_and_need_both_halves(tmp_path: Path) -> None:
    """One half alone is refused."""
    kind = CredentialsKind()
    given = {"given_access_key_id": "me", "given_secret_access_key": "mine"}

    _, made = kind.create({"directory": str(tmp_path), "data": "keep", **given})

    assert (made["access_key_id"], made["secret_access_key"]) == ("me", "mine")
    assert kind.check({"given_access_key_id": "me"}) == {
        "given_access_key_id": "give both halves, or none"
    }


def test_a_region_that_is_down_keeps_what_was_known() -> None:
    """Refresh must not drop buckets and users because their node is dead."""
    bucket = {"bucket": "photos", "force_destroy": False}
    user = {"user": "alice", "canonical_id": "c"}

    seen_bucket = BucketKind(UNREACHABLE).read("photos", bucket, bucket)
    seen_user = UserKind(UNREACHABLE).read("alice", user, {"user": "alice"})

    assert seen_bucket is not None
    assert seen_bucket.state == bucket
    assert seen_user is not None
    assert seen_user.state == user


def test_what_lives_in_a_region_needs_the_regions_provider() -> None:
    """An instance without a connection says how to pass one."""
    with pytest.raises(ResourceRefused, match="pass the region's provider"):
        BucketKind(None).create({"bucket": "photos"})


def test_a_half_configured_provider_is_refused() -> None:
    """All of a region's connection is needed, or none."""
    provider = RucketProvider(FakeSubstrate())
    args = to_engine({"endpoint": "http://127.0.0.1:1"}, frozenset())

    with pytest.raises(ResourceRefused, match="s3_region is missing"):
        asyncio.run(
            provider.configure(
                ConfigureRequest({}, args, accept_secrets=True, accept_resources=False)
            )
        )


def test_another_name_is_another_bucket_user_or_key() -> None:
    """Identities replace; descriptions change in place."""
    bucket = {"bucket": "a", "force_destroy": False}
    user = {"user": "alice", "display_name": "A", "canonical_id": "c"}
    key = {"user": "alice", "number": 1, "access_key_id": "i", "secret_access_key": "s"}

    assert BucketKind(None).diff(bucket, {**bucket, "bucket": "b"}) == {"bucket": Effect.REPLACE}
    assert BucketKind(None).diff(bucket, {**bucket, "force_destroy": True}) == {
        "force_destroy": Effect.UPDATE
    }
    assert UserKind(None).diff(user, {"user": "alice", "display_name": "B"}) == {
        "display_name": Effect.UPDATE
    }
    assert UserKind(None).diff(user, {"user": "bob"}) == {"user": Effect.REPLACE}
    assert AccessKeyKind(None).diff(key, {"user": "alice", "number": 2}) == {
        "number": Effect.REPLACE
    }


def test_properties_survive_the_engines_form() -> None:
    """Numbers, texts, lists and tables come back as they were; null is left out."""
    values = {"n": 3, "f": 1.5, "t": "x", "b": True, "l": ["a", 1], "d": {"k": [{"z": 1}]}}

    wrapped = to_engine({**values, "nothing": None}, frozenset({"t"}))

    assert from_engine(wrapped) == values
    assert wrapped["t"].is_secret


@pytest.mark.parametrize("value", [UNKNOWN, [1, UNKNOWN], {"a": {"b": UNKNOWN}}])
def test_an_unknown_part_makes_the_whole_unknown(value: object) -> None:
    """A preview that doesn't know a part can't compare the whole."""
    assert is_unknown(value)


def test_the_schema_names_every_resource_and_its_secrets() -> None:
    """The engine validates it for `pulumi import`."""
    answer = asyncio.run(RucketProvider(FakeSubstrate()).get_schema(GetSchemaRequest(0)))
    resources = json.loads(answer.schema or "{}")["resources"]

    assert sorted(resources) == [
        f"rucket:platform:{name}" for name in ("AccessKey", "Bucket", "Credentials", "Node", "User")
    ]
    assert resources[NODE_TYPE]["properties"]["secret_access_key"]["secret"] is True


def test_a_resource_that_is_gone_is_answered_without_an_id(tmp_path: Path) -> None:
    """That is how a provider says that something vanished."""
    substrate = FakeSubstrate()
    substrate.seen = Observation(NodeStatus.ABSENT, ConfigStatus.MISSING, None)
    gone = {**state(), "data_dir": str(tmp_path / "none")}
    request = ReadRequest(
        urn(NODE_TYPE), "id", to_engine(gone, frozenset()), to_engine(gone, frozenset())
    )

    answer = asyncio.run(RucketProvider(substrate).read(request))

    assert not answer.resource_id
