"""What lives in a region: buckets, users and their access keys."""

import json

from rucket_platform.clients.admin import AdminClient
from rucket_platform.clients.connection import Connection
from tests.deploy.project import Project, region, s3_client


def test_buckets_and_users_follow_the_stack_file(project: Project) -> None:
    """They are created, changed and removed as declared; a bucket with objects is protected."""
    home = region(
        "home",
        buckets=[{"name": "photos"}],
        users=[{"name": "alice", "display_name": "Alice", "email": "alice@example.com"}],
    )
    project.declare({"regions": [home]})
    project.run("up")
    outputs = project.regions()["home"]
    root, alice = s3_client(outputs), s3_client(outputs, outputs["users"]["alice"][0])
    root.put_object(Bucket="photos", Key="cat.jpg", Body=b"miaow")
    own_buckets = alice.list_buckets()["Buckets"]

    home["users"][0]["display_name"] = "Alice A."
    home["buckets"] = []
    project.declare({"regions": [home]})
    refused = project.run("up", expect=1)
    home["buckets"] = [{"name": "photos", "force_destroy": True}]
    project.declare({"regions": [home]})
    project.run("up")
    home["buckets"], home["users"] = [], []
    project.declare({"regions": [home]})
    removed = project.run("up")

    assert own_buckets == []
    assert "bucket photos is not empty" in refused.err
    assert "bucket home-photos removed" in removed.err
    assert "user home-alice removed" in removed.err
    assert root.list_buckets()["Buckets"] == []
    assert _admin(outputs).find_user("alice") is None


def test_down_and_up_give_back_contents_on_kept_data(project: Project) -> None:
    """With kept data, declared buckets and users survive a `down`, with objects and keys."""
    home = region("home", buckets=[{"name": "photos"}], users=[{"name": "alice"}])
    project.declare({"regions": [home]})
    project.run("up")
    before = project.regions()["home"]
    s3_client(before).put_object(Bucket="photos", Key="cat.jpg", Body=b"miaow")

    project.run("down")
    project.run("up")
    after = project.regions()["home"]

    assert after == before
    assert s3_client(after, after["users"]["alice"][0]).list_buckets()["Buckets"] == []
    body = s3_client(after).get_object(Bucket="photos", Key="cat.jpg")["Body"].read()
    assert body == b"miaow"


def test_what_exists_can_be_imported(project: Project) -> None:
    """`pulumi import` takes over a bucket, a user and a key that were made by hand."""
    home = region("home", buckets=[{"name": "declared"}])
    project.declare({"regions": [home]})
    project.run("up")
    outputs = project.regions()["home"]
    s3_client(outputs).create_bucket(
        Bucket="byhand",
        CreateBucketConfiguration={"LocationConstraint": "home"},  # type: ignore[typeddict-item]
    )
    _admin(outputs).create_user("bob", display_name="Bob", email=None)

    provider = _urn(project, "pulumi:providers:rucket", "home")
    for kind, name in (("Bucket", "byhand"), ("User", "bob")):
        project.pulumi(
            *("import", f"rucket:platform:{kind}", f"imported-{name}", name),
            *("--provider", f"home={provider}"),
            *("--yes", "--protect=false", "--generate-code=false"),
        )
    urns = [resource["urn"] for resource in _resources(project)]

    assert any(urn.endswith("Bucket::imported-byhand") for urn in urns)
    assert any(urn.endswith("User::imported-bob") for urn in urns)


def test_a_node_that_runs_can_be_imported(project: Project) -> None:
    """A lost state is no lost node: the node is taken over as it runs."""
    project.declare({"regions": [region("eu")]})
    project.run("up")
    pid = project.pid("eu", "eu-1")
    directory = project.node_directory("eu", "eu-1")
    urn = _urn(project, "rucket:platform:Node", "eu-eu-1")
    parent = _urn(project, "rucket:platform:Region", "eu")

    project.pulumi("state", "delete", "--yes", "--force", urn)
    project.pulumi(
        *("import", "rucket:platform:Node", "eu-eu-1", str(directory)),
        *("--parent", f"eu={parent}"),
        *("--yes", "--protect=false", "--generate-code=false"),
    )
    project.run("up")

    assert project.pid("eu", "eu-1") == pid


def _resources(project: Project) -> list[dict[str, str]]:
    exported = json.loads(project.pulumi("stack", "export").out)
    return list(exported["deployment"]["resources"])


def _urn(project: Project, resource_type: str, name: str) -> str:
    (urn,) = [
        resource["urn"]
        for resource in _resources(project)
        if resource["type"] == resource_type and resource["urn"].endswith(f"::{name}")
    ]
    return urn


def _admin(outputs: dict[str, str]) -> AdminClient:
    return AdminClient(
        Connection(
            outputs["endpoints"][0],
            outputs["s3_region"],
            outputs["access_key_id"],
            outputs["secret_access_key"],
        )
    )
