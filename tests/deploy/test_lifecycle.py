"""A deployment from its first `up` to its `down`, with the real engine and the real server.

Each test is one story, because an engine run takes seconds: up, up again, change, heal, grow.
"""

import json
import os
import stat

import psutil

from rucket_platform.substrates.process_identity import identify, living_process
from tests.deploy.project import (
    STACK,
    Project,
    create_bucket,
    on_every_substrate,
    region,
    s3_client,
)
from tests.server_process import free_ports

pytestmark = on_every_substrate


def test_a_second_up_changes_nothing_and_nodes_outlive_the_command(project: Project) -> None:
    """Two regions come up, keep running when `up` has ended, and stay as they are."""
    project.declare({"regions": [region("eu"), region("us")]})

    first = project.run("up")
    before = {name: project.pid(name, f"{name}-1") for name in ("eu", "us")}
    second = project.run("up")

    assert "node eu-eu-1 created" in first.err
    assert "test is up already" in second.out
    assert before == {name: project.pid(name, f"{name}-1") for name in ("eu", "us")}
    assert all(psutil.Process(pid).is_running() for pid in before.values())
    status = project.run("status")
    assert status.out.count("running") == 2


def test_secrets_are_masked_private_and_encrypted(project: Project) -> None:
    """No secret is printed unasked, readable for others, or in clear in the state."""
    project.declare({"regions": [region("eu")]})
    up = project.run("up")
    secret = project.regions()["eu"]["secret_access_key"]

    masked = json.loads(project.run("outputs").out)["regions"]["eu"]
    plain = project.pulumi("up", "--yes", "--diff")
    checkpoint = project.state / "pulumi" / "state" / ".pulumi" / "stacks" / "rucket"
    config = project.node_directory("eu", "eu-1") / "rucket.toml"

    assert masked["secret_access_key"] == "********"
    assert {"endpoints", "access_key_id", "metrics"} <= masked.keys()
    assert secret not in up.all + plain.all
    assert secret not in (checkpoint / f"{STACK}.json").read_text()
    assert secret in config.read_text()
    for private in (config, project.state / "pulumi" / "passphrase"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert secret in project.run("credentials", "--region", "eu").out


def test_preview_tells_a_restart_from_a_replacement(project: Project) -> None:
    """A changed setting restarts only its node, in place; a moved data_dir replaces the node."""
    eu, us = region("eu"), region("us")
    project.declare({"regions": [eu, us]})
    project.run("up")
    us_pid = project.pid("us", "us-1")
    old = identify(project.pid("eu", "eu-1"))
    assert old is not None

    eu["settings"]["logging"] = {"level": "debug"}
    (eu["nodes"][0]["port"],) = free_ports(1)
    project.declare({"regions": [eu, us]})
    in_place = project.pulumi("preview", "--diff")
    project.run("up")
    eu["nodes"][0]["devices"] = [{"path": "elsewhere"}]
    project.declare({"regions": [eu, us]})
    replaced = project.pulumi("preview")
    project.run("up")

    assert "~ 1 to update" in in_place.out
    assert "logging" in in_place.out
    assert "1 to replace" in replaced.out
    assert living_process(old) is None
    assert project.regions()["eu"]["endpoints"] == [f"http://127.0.0.1:{eu['nodes'][0]['port']}"]
    assert project.pid("us", "us-1") == us_pid
    assert (project.node_directory("eu", "eu-1") / "elsewhere").is_dir()
    # What the old device held is kept, as declared by default.
    assert (project.node_directory("eu", "eu-1") / "data").is_dir()


def test_up_heals_what_refresh_notices(project: Project) -> None:
    """Nodes that died or were changed by hand, and a reboot, are healed with their data."""
    project.declare({"regions": [region("eu"), region("us")]})
    project.run("up")
    client = project.s3("eu")
    create_bucket(client, "photos")
    client.put_object(Bucket="photos", Key="cat.jpg", Body=b"miaow")
    config = project.node_directory("us", "us-1") / "rucket.toml"
    declared = config.read_text()

    project.kill_node("eu", "eu-1")
    config.write_text(declared + "\n# a hand was here\n")
    status = project.run("status", expect=1)
    refreshed = project.pulumi("refresh", "--yes", "--diff")
    healed = project.run("up")

    assert "dead" in status.out
    assert '"running" => "dead"' in refreshed.out
    assert '"as declared" => "changed by hand"' in refreshed.out
    assert "node eu-eu-1 changed (status)" in healed.err
    assert "node us-us-1 changed (config)" in healed.err
    assert config.read_text() == declared
    assert client.get_object(Bucket="photos", Key="cat.jpg")["Body"].read() == b"miaow"
    project.run("status")

    # After a reboot every process is gone, and a recorded pid may belong to somebody else.
    for name in ("eu", "us"):
        project.kill_node(name, f"{name}-1")
    record = project.record("eu", "eu-1")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"pid": os.getpid()}))
    project.run("up")

    assert project.pid("eu", "eu-1") != os.getpid()
    assert client.get_object(Bucket="photos", Key="cat.jpg")["Body"].read() == b"miaow"


def test_adding_a_region_leaves_the_others_alone(project: Project) -> None:
    """A plain `pulumi up` with one more region in the stack file adds it, and only it."""
    eu, us = region("eu"), region("us")
    project.declare({"regions": [eu]})
    project.run("up")
    eu_pid = project.pid("eu", "eu-1")

    project.declare({"regions": [eu, us]})
    added = project.pulumi("up", "--yes")

    assert "+ 3 created" in added.out
    assert project.pid("eu", "eu-1") == eu_pid
    regions = project.regions()
    assert sorted(regions) == ["eu", "us"]
    assert s3_client(regions["us"]).list_buckets()["Buckets"] == []


def test_down_keeps_data_and_credentials_until_told_otherwise(project: Project) -> None:
    """`down` leaves no process; kept data comes back by `up`, `data: delete` removes it."""
    eu = region("eu")
    project.declare({"data": "keep", "regions": [eu]})
    project.run("up")
    before = project.regions()["eu"]
    client = s3_client(before)
    create_bucket(client, "photos")
    client.put_object(Bucket="photos", Key="cat.jpg", Body=b"miaow")

    project.run("down")
    left = project.processes()
    project.run("up")
    kept = client.get_object(Bucket="photos", Key="cat.jpg")["Body"].read()
    after = project.regions()["eu"]
    project.declare({"data": "delete", "regions": [eu]})
    project.run("up")
    project.pulumi("destroy", "--yes")

    assert left == []
    assert kept == b"miaow"
    assert after == before
    assert project.processes() == []
    assert not (project.state / STACK / "eu").exists()
