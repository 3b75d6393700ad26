"""The container engine: Docker, or whatever speaks its API.

Which one is said by `DOCKER_HOST`, else it is the socket that Docker makes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import docker
from docker.errors import DockerException

from rucket_platform.errors import EngineUnavailable

if TYPE_CHECKING:
    from docker import DockerClient

# A removal or a start on a busy machine takes its time; a hung engine must not hang us.
_TIMEOUT_S = 120


def connect_engine(*, timeout_s: int = _TIMEOUT_S) -> DockerClient:
    """Connect to the engine; the caller closes the client.

    Raises:
        EngineUnavailable: None answers.
    """
    try:
        client = docker.from_env(timeout=timeout_s)
    except DockerException as error:
        raise EngineUnavailable(_address(), str(error)) from error
    try:
        client.ping()
    except (DockerException, OSError) as error:
        client.close()
        raise EngineUnavailable(_address(), str(error)) from error
    return client


def _address() -> str:
    return os.environ.get("DOCKER_HOST") or "the default socket"
