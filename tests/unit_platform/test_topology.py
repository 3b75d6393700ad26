"""Reading a topology: what is accepted, and which key an error names."""

import copy
from typing import Any

import pytest

from rucket_platform.errors import TopologyError
from rucket_platform.settings_file.stack_config import read_topology
from rucket_platform.topology import Credentials, DataRemoval, Device, Node

NODE = {"name": "eu-1", "port": 9000, "metrics_port": 9001}
DEFAULT_CREDENTIALS = {"access_key_id": "rucket", "secret_access_key": "rucket123"}
REGION = {"name": "eu", "nodes": [NODE]}


def topology(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy({"regions": [REGION], **changes})


def contained(**changes: Any) -> dict[str, Any]:
    return topology(substrate="containers", **changes)


def region(**changes: Any) -> dict[str, Any]:
    return topology(regions=[{**REGION, **changes}])


def node(**changes: Any) -> dict[str, Any]:
    return region(nodes=[{**NODE, **changes}])


def test_a_short_topology_gets_careful_defaults() -> None:
    """One region on loopback, data kept, credentials generated, data in the node's directory."""
    read = read_topology(topology())

    assert read.bind == "127.0.0.1"
    assert read.data is DataRemoval.KEEP
    (eu,) = read.regions
    assert (eu.s3_region, eu.credentials) == ("eu", None)
    assert eu.nodes == (Node("eu-1", 9000, 9001, (Device("data"),)),)


@pytest.mark.parametrize(
    ("config", "image"),
    [
        (topology(), None),
        (topology(substrate="processes"), None),
        (topology(substrate="containers"), "rucket:latest"),
        (topology(substrate="containers", image="rucket:0.1.0"), "rucket:0.1.0"),
    ],
)
def test_the_substrate_decides_whether_there_is_an_image(
    config: dict[str, Any], image: str | None
) -> None:
    """Nodes are processes unless containers are asked for."""
    assert read_topology(config).image == image


def test_whole_numbers_may_arrive_as_floats() -> None:
    """Pulumi's configuration gives 9000.0 for 9000."""
    read = read_topology(node(port=9000.0))

    assert read.regions[0].nodes[0].port == 9000


def test_a_regions_settings_win_over_the_deployments() -> None:
    """Settings merge key by key."""
    shared = {"logging": {"level": "info", "format": "json"}}
    own = {"logging": {"level": "debug"}, "server": {"workers": 1.0}}

    read = read_topology({**region(settings=own), "settings": shared})

    assert read.regions[0].settings == {
        "logging": {"level": "debug", "format": "json"},
        "server": {"workers": 1},
    }


@pytest.mark.parametrize(
    ("config", "path", "said"),
    [
        pytest.param([], "rucket:topology", "must be a mapping", id="no-mapping"),
        pytest.param({}, "regions", "at least one region", id="no-region"),
        pytest.param(topology(regoins=[]), "regoins", "is not known here", id="unknown-top"),
        pytest.param(region(colour="red"), "regions[0].colour", "not known", id="unknown-region"),
        pytest.param(node(prot=1), "regions[0].nodes[0].prot", "not known", id="unknown-node"),
        pytest.param(node(port=None), "regions[0].nodes[0].port", "is missing", id="no-port"),
        pytest.param(node(port="x"), "regions[0].nodes[0].port", "whole number", id="text-port"),
        pytest.param(node(port=True), "regions[0].nodes[0].port", "whole number", id="bool-port"),
        pytest.param(node(port=70000), "regions[0].nodes[0].port", "not a port", id="big-port"),
        pytest.param(
            node(metrics_port=9000), "regions[0].nodes[0].metrics_port", "is also", id="one-port"
        ),
        pytest.param(
            topology(regions=[REGION, {"name": "us", "nodes": [NODE]}]),
            "regions[1].nodes[0].port",
            "is also regions[0].nodes[0].port",
            id="port-of-another-region",
        ),
        pytest.param(
            topology(regions=[REGION, REGION]),
            "regions[1].name",
            "'eu' is also the name of regions[0]",
            id="same-region-twice",
        ),
        pytest.param(
            region(nodes=[NODE, {**NODE, "name": "eu-2"}]),
            "regions[0].nodes",
            "needs the cluster, which doesn't exist yet",
            id="two-nodes",
        ),
        pytest.param(region(nodes=[]), "regions[0].nodes", "one node", id="no-node"),
        pytest.param(
            node(devices=[{"path": "a"}, {"path": "b"}]),
            "regions[0].nodes[0].devices",
            "in one directory so far",
            id="two-devices",
        ),
        pytest.param(node(devices=[]), "regions[0].nodes[0].devices", "0 devices", id="no-device"),
        pytest.param(region(name="EU west"), "regions[0].name", "is not a name", id="bad-name"),
        pytest.param(topology(data="burn"), "data", "keep or delete", id="bad-data"),
        pytest.param(topology(bind="here"), "bind", "not an IP address", id="bad-bind"),
        pytest.param(topology(start_timeout_s=0), "start_timeout_s", "above 0", id="no-time"),
        pytest.param(
            {
                **region(credentials={"access_key_id": "x", "secret_access_key": "rucket123"}),
                "bind": "0.0.0.0",
            },
            "regions[0].credentials",
            "on loopback only",
            id="default-credentials-in-public",
        ),
        pytest.param(topology(substrate="moon"), "substrate", "processes or", id="bad-substrate"),
        pytest.param(topology(image="rucket:1"), "image", "containers only", id="image-of-process"),
        pytest.param(contained(image=""), "image", "not be empty", id="empty-image"),
        pytest.param(
            contained(regions=[{**REGION, "credentials": DEFAULT_CREDENTIALS}]),
            "regions[0].credentials",
            "refuses the default",
            id="default-credentials-in-a-container",
        ),
        pytest.param(
            contained(settings={"storage.encryption": {"key_file": "/etc/keys"}}),
            "regions[0].settings.storage.encryption.key_file",
            "a container doesn't see",
            id="file-outside-the-container",
        ),
        pytest.param(
            region(credentials={"access_key_id": "x"}),
            "regions[0].credentials.secret_access_key",
            "is missing",
            id="half-credentials",
        ),
        pytest.param(
            region(settings={"server": {"bind": "0.0.0.0:1"}}),
            "regions[0].settings.server.bind",
            "is set by the topology's bind",
            id="owned-setting",
        ),
        pytest.param(
            topology(settings={"logging": "loud"}), "settings.logging", "mapping", id="bad-section"
        ),
        pytest.param(
            topology(settings={"logging": {"level": None}}),
            "settings.logging.level",
            "must be a text",
            id="bad-setting",
        ),
        pytest.param(
            region(buckets=[{"name": "Photos"}]),
            "regions[0].buckets[0].name",
            "not a bucket name",
            id="bad-bucket",
        ),
        pytest.param(
            region(buckets=[{"name": "photos", "force_destroy": "yes"}]),
            "regions[0].buckets[0].force_destroy",
            "true or false",
            id="bad-flag",
        ),
        pytest.param(
            region(users=[{"name": "alice"}, {"name": "alice"}]),
            "regions[0].users[1].name",
            "is also the name of",
            id="same-user-twice",
        ),
        pytest.param(
            region(users=[{"name": "alice", "access_keys": -1}]),
            "regions[0].users[0].access_keys",
            "0 or more",
            id="negative-keys",
        ),
    ],
)
def test_a_wrong_topology_is_refused_by_the_keys_name(config: object, path: str, said: str) -> None:
    """The error names the first bad key and says what is wrong with it."""
    with pytest.raises(TopologyError) as refused:
        read_topology(config)

    assert refused.value.path == path
    assert said in refused.value.reason


def test_default_credentials_are_allowed_on_loopback() -> None:
    """What the server allows on loopback, the topology allows."""
    read = read_topology(region(credentials=DEFAULT_CREDENTIALS))

    assert read.regions[0].credentials == Credentials("rucket", "rucket123")
    assert "rucket123" not in repr(read)
