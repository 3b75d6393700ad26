"""A deployment of its own for a test: stack file, state and data in a temporary directory.

The program, the provider and the server are the checkout's; the stack file is the test's.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
import yaml
from botocore.config import Config
from docker.models.containers import Container
from mypy_boto3_s3 import S3Client

from rucket_platform.clients.container_engine import connect_engine
from tests.server_process import free_ports

REPOSITORY = Path(__file__).resolve().parents[2]
STACK = "test"
COMMAND_TIMEOUT_S = 120.0
LOOPBACK = "127.0.0.1"

PROCESSES, CONTAINERS = "processes", "containers"
# `make containers-test` sets it; elsewhere there is no engine, and nodes are processes.
IMAGE = os.environ.get("RUCKET_IMAGE")

on_every_substrate = pytest.mark.parametrize(
    "project", [PROCESSES, CONTAINERS] if IMAGE else [PROCESSES], indirect=True
)
"""Runs a test with nodes as processes and, where there is an image, in containers."""

Topology = dict[str, Any]

# Closed with the project that they spoke to.
_opened_clients: list[S3Client] = []


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


class Project:
    """A Pulumi project in `directory`."""

    def __init__(self, directory: Path, image: str | None = None) -> None:
        self.directory = directory
        self._image = image
        self.infra = directory / "infra"
        self.state = directory / ".rucket"
        self._shell: dict[str, str] | None = None
        shutil.copytree(REPOSITORY / "infra", self.infra, ignore=_stack_files)
        # Pulumi.yaml finds the provider and the interpreter relative to itself.
        (directory / "platform").symlink_to(REPOSITORY / "platform")
        (directory / ".venv").symlink_to(Path(sys.executable).parent.parent)

    def declare(self, topology: Topology) -> None:
        """Write the stack file."""
        contained = {"substrate": CONTAINERS, "image": self._image}
        declared = topology if self._image is None else {**contained, **topology}
        body = {"config": {"rucket:topology": declared}}
        (self.infra / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(body), encoding="utf-8")

    def command(self, name: str, *arguments: str) -> list[str]:
        """The command line behind `make NAME`."""
        module = ["-m", "rucket_platform.stacks", name, "--stack", STACK]
        return [sys.executable, *module, *arguments]

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a user who has nothing set up."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        server = os.environ.get("RUCKET_SERVER") or str(Path(sys.executable).parent / "rucket")
        return {
            **kept,
            "RUCKET_INFRA_DIR": str(self.infra),
            "RUCKET_SERVER": server,
            **(extra or {}),
        }

    def run(
        self,
        name: str,
        *arguments: str,
        expect: int = 0,
        extra: Mapping[str, str] | None = None,
    ) -> Answer:
        """Run what stands behind `make NAME`."""
        answer = _run(self.command(name, *arguments), self.directory, self.environment(extra))
        assert answer.code == expect, answer.all
        return answer

    def pulumi(self, *arguments: str, expect: int = 0) -> Answer:
        """Type `pulumi …` in `infra/`, as the manual says."""
        if self._shell is None:
            evaluated = f'eval "$({shlex.join(self.command("env"))})" && env -0'
            answer = _run(["bash", "-c", evaluated], self.directory, self.environment())
            assert answer.code == 0, answer.all
            lines = answer.out.rstrip("\0").split("\0")
            self._shell = dict(line.split("=", 1) for line in lines)
        pulumi = shutil.which("pulumi", path=self._shell["PATH"])
        assert pulumi is not None
        answer = _run([pulumi, *arguments], self.infra, self._shell)
        assert answer.code == expect, answer.all
        return answer

    def regions(self) -> dict[str, dict[str, Any]]:
        """The outputs, secrets in clear."""
        answer = self.run("outputs", extra={"SHOW_SECRETS": "1"})
        return dict(json.loads(answer.out)["regions"])

    def s3(self, region: str) -> S3Client:
        """An S3 client of the region's root user."""
        return s3_client(self.regions()[region])

    def node_directory(self, region: str, node: str) -> Path:
        return self.state / STACK / region / node

    def pid(self, region: str, node: str) -> int:
        """The pid that the node was started with."""
        body = json.loads(self.record(region, node).read_text())
        if self._image is None:
            return int(body["pid"])
        with closing(connect_engine()) as engine:
            return int(engine.containers.get(body["container_id"]).attrs["State"]["Pid"])

    def record(self, region: str, node: str) -> Path:
        """What says which process or container runs."""
        name = "node.json" if self._image is None else "container.json"
        return self.node_directory(region, node) / name

    def is_started(self, region: str, node: str) -> bool:
        """Whether the node's process or container is there and recorded."""
        record = self.record(region, node)
        return (
            record.exists() and json.loads(record.read_text()).get("container_id", "") is not None
        )

    def kill_node(self, region: str, node: str) -> None:
        """Kill a node's supervisor and wait until all of the node is gone."""
        process = psutil.Process(self.pid(region, node))
        family = [process, *process.children(recursive=True)]
        process.kill()
        _, alive = psutil.wait_procs(family, timeout=15)
        left = [one for one in alive if one.is_running() and one.status() != "zombie"]
        assert not left, left

    def processes(self) -> list[psutil.Process]:
        """Every living process that belongs to this project, containers' supervisors included."""
        found = self._contained()
        for process in psutil.process_iter():
            try:
                command_line = " ".join(process.cmdline())
                if str(self.state) in command_line and process.status() != "zombie":
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def _contained(self) -> list[psutil.Process]:
        if self._image is None:
            return []
        with closing(connect_engine()) as engine:
            pids = [
                int(container.attrs["State"]["Pid"])
                for container in engine.containers.list()
                if self._owns(container)
            ]
        return [psutil.Process(pid) for pid in pids if pid]

    def _owns(self, container: Container) -> bool:
        return any(
            mount["Source"].startswith(str(self.state)) for mount in container.attrs["Mounts"]
        )

    def _remove_containers(self) -> None:
        if self._image is None:
            return
        with closing(connect_engine()) as engine:
            for container in engine.containers.list(all=True):
                if self._owns(container):
                    container.remove(force=True, v=True)

    def clean_up(self) -> None:
        """End what is left, whatever the test did."""
        while _opened_clients:
            _opened_clients.pop().close()
        self._remove_containers()
        for process in self.processes():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue


def s3_client(region: Mapping[str, Any], key: Mapping[str, str] | None = None) -> S3Client:
    """An S3 client for one region of the outputs, as root or with another key."""
    credentials = key or region
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=region["endpoints"][0],
        region_name=region["s3_region"],
        aws_access_key_id=credentials["access_key_id"],
        aws_secret_access_key=credentials["secret_access_key"],
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 3}),
    )
    _opened_clients.append(client)
    return client


def create_bucket(client: S3Client, name: str) -> None:
    """Create a bucket where the client's region is."""
    region = client.meta.region_name
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})  # type: ignore[typeddict-item]


def region(name: str, **more: Any) -> dict[str, Any]:
    """Declare a region with one node on free ports."""
    port, metrics_port = free_ports(2)
    node = {"name": f"{name}-1", "port": port, "metrics_port": metrics_port}
    return {"name": name, "nodes": [node], "settings": {"server": {"workers": 1}}, **more}


def _stack_files(_directory: str, names: list[str]) -> list[str]:
    return [
        name for name in names if name.startswith(("Pulumi.", "__py")) and name != "Pulumi.yaml"
    ]


def _run(command: list[str], directory: Path, environment: dict[str, str]) -> Answer:
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)
