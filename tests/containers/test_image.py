"""What the image promises: who it runs as, what it writes to, how it starts, fails and ends."""

import io
import socket
import tarfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from docker import DockerClient

from rucket_platform.containers import RucketContainer
from rucket_platform.errors import ImageError, NodeStartFailed
from rucket_platform.image.build import ImagePlan, build
from rucket_platform.wait import wait_until

_ONE_WORKER = {"server": {"workers": 1}}


def _inspect(container: RucketContainer) -> dict[str, Any]:
    wrapped = container.get_wrapped_container()
    wrapped.reload()
    return dict(wrapped.attrs)


def _output(container: RucketContainer, *command: str) -> str:
    done = container.exec(list(command))
    assert done.exit_code == 0, done.output
    return done.output.decode()


def test_it_runs_as_a_numbered_user_without_capabilities(rucket: RucketContainer) -> None:
    """No process of it is root's, and none could become it."""
    status = _output(rucket, "sh", "-c", "cat /proc/[0-9]*/status")

    uids = {line.split()[1] for line in status.splitlines() if line.startswith("Uid:")}
    effective = {line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")}
    assert uids == {"10001"}
    assert effective == {"0" * 16}
    assert _inspect(rucket)["Config"]["User"] == "10001:10001"


def test_its_root_is_read_only(rucket: RucketContainer) -> None:
    """Nothing but /data and /tmp can be written, and the server never tried to."""
    refused = rucket.exec(["touch", "/opt/rucket/x"])
    writable = rucket.exec(["touch", "/data/x"])

    assert b"Read-only" in refused.output
    assert writable.exit_code == 0
    assert _inspect(rucket)["HostConfig"]["ReadonlyRootfs"] is True
    assert rucket.get_wrapped_container().diff() in (None, [])


def test_the_engine_sees_that_it_is_healthy(rucket: RucketContainer) -> None:
    """The health check answers by itself."""
    wait_until(
        lambda: _inspect(rucket)["State"]["Health"]["Status"] == "healthy",
        timeout_s=30,
        what="the health check",
    )

    last = _inspect(rucket)["State"]["Health"]["Log"][-1]
    assert "200" in last["Output"]


def test_it_says_what_it_is(rucket: RucketContainer, engine: DockerClient, image: str) -> None:
    """Its labels are the standard's; `rucket` is on PATH and agrees with them."""
    labels = engine.images.get(image).labels

    version = labels["org.opencontainers.image.version"]
    assert version in _output(rucket, "rucket", "version")
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.revision"]


def test_its_bytecode_is_used(rucket: RucketContainer) -> None:
    """Modules come compiled, dependencies too: a read-only image couldn't keep what it compiles."""
    program = (
        "import rucket.daemon.server, pydantic, sys; "
        "print([m.__cached__ for m in (rucket.daemon.server, pydantic) "
        "if not __import__('os').path.exists(m.__cached__)])"
    )

    assert _output(rucket, "python3", "-c", program).strip() == "[]"


def test_the_default_credentials_are_refused(image: str) -> None:
    """It listens to everybody, so it doesn't start with what everybody knows, and says so."""
    with pytest.raises(NodeStartFailed) as failed:
        RucketContainer(image, access_key_id="rucket", secret_access_key="rucket123").start()

    assert failed.value.exit_code == 2
    assert "RUCKET__AUTH__SECRET_KEY" in "\n".join(failed.value.log_tail)


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("server", "no_such_key", "1", "no_such_key"),
        ("server", "workers", "none", "workers"),
        ("storage", "data_dir", "/opt/data", "/opt/data"),
    ],
)
def test_a_wrong_setting_is_told_in_the_log(
    image: str, engine: DockerClient, section: str, key: str, value: str, said: str
) -> None:
    """The start fails with the server's own words, and leaves no container."""
    name = f"rucket-test-{uuid4().hex}"

    with pytest.raises(NodeStartFailed) as failed:
        RucketContainer(image, settings={section: {key: value}}, name=name).start()

    assert said in str(failed.value)
    assert failed.value.exit_code not in (None, 0)
    assert engine.containers.list(all=True, filters={"name": name}) == []


def test_data_survives_the_container(image: str, volume: str) -> None:
    """A new container on the old volume has what was acknowledged, also after a kill."""
    for number in range(2):
        container = RucketContainer(image, buckets=["kept"], settings=_ONE_WORKER)
        with container.with_volume_mapping(volume, "/data", "rw"):
            client = container.get_client()
            kept = [
                client.get_object(Bucket="kept", Key=f"{old}")["Body"].read()
                for old in range(number)
            ]
            client.put_object(Bucket="kept", Key=f"{number}", Body=f"{number}".encode() * 100_000)
            client.close()

        assert kept == [f"{old}".encode() * 100_000 for old in range(number)]


def test_sigterm_finishes_what_was_begun(image: str) -> None:
    """An upload under way when the container is stopped is answered; then it ends with code 0."""
    body = b"x" * 100_000
    with RucketContainer(image, buckets=["slow"], settings=_ONE_WORKER) as container:
        with closing(container.get_client()) as client:
            url = client.generate_presigned_url("put_object", {"Bucket": "slow", "Key": "upload"})
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port), 30) as connection:
            head = f"PUT {address.path}?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            length = f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
            connection.sendall((head + length).encode())
            assert connection.recv(1024).startswith(b"HTTP/1.1 100")
            with ThreadPoolExecutor() as threads:
                drained = threads.submit(container.drain)
                wait_until(
                    lambda: any("shutting down" in line for line in container.log_tail()),
                    timeout_s=30,
                    what="the server to drain",
                )
                connection.sendall(body)
                answer = connection.recv(1024)

            assert answer.startswith(b"HTTP/1.1 200")
            assert drained.result() == 0


def test_an_image_that_cannot_be_built_says_why(engine: DockerClient, tmp_path: Path) -> None:
    """A context that lacks something fails with the engine's words, not with a traceback."""
    source = Path(__file__).resolve().parents[2] / "platform" / "image" / "Dockerfile"
    (tmp_path / "Dockerfile").write_text(source.read_text())
    architecture = "arm64" if engine.version()["Arch"] == "arm64" else "amd64"

    with pytest.raises(ImageError, match="COPY failed"):
        build(
            engine,
            ImagePlan(tmp_path, "rucket:never", "scratch", architecture),
            lambda _: None,
        )


def test_no_secret_and_no_tool_is_in_the_image(engine: DockerClient, image: str) -> None:
    """What only builds or judges Rucket is not shipped with it."""
    container = engine.containers.create(image)
    try:
        stream, _ = container.get_archive("/opt/rucket")
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            names = archive.getnames()
    finally:
        container.remove(v=True)

    assert "rucket/app/rucket/__main__.py" in names
    packages = {name.split("/")[2] for name in names if name.count("/") >= 2}
    assert not packages & {"rucket_platform", "tests", "boto3", "pulumi", "pip", "hatchling"}


def test_a_user_may_be_chosen(image: str, engine: DockerClient, volume: str) -> None:
    """It runs as any number to whom its data belongs; where it doesn't, it says so."""
    container = RucketContainer(image, settings=_ONE_WORKER, user="12345:12345")
    with container.with_tmpfs_mount("/data", "size=1g,uid=12345,gid=12345") as mine:
        assert _output(mine, "id", "-u").strip() == "12345"

    # A volume that another user has filled.
    engine.containers.run(image, ["version"], volumes={volume: {"bind": "/data"}}, remove=True)
    other = RucketContainer(image, settings=_ONE_WORKER, user="12345:12345")
    with pytest.raises(NodeStartFailed, match="/data"):
        other.with_volume_mapping(volume, "/data", "rw").start()


def test_a_users_key_opens_nothing_of_root(rucket: RucketContainer) -> None:
    """A made user works, and sees no bucket of another."""
    alice = rucket.get_client("alice")

    with pytest.raises(ClientError) as refused:
        alice.list_objects_v2(Bucket="photos")
    alice.create_bucket(Bucket="of-alice")
    owned = [bucket["Name"] for bucket in alice.list_buckets()["Buckets"]]
    alice.close()

    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    assert owned == ["of-alice"]
