"""Fixtures for tests in containers: the image, and what removes everything that a test left."""

import os
from collections.abc import Iterator

import pytest
from docker import DockerClient

from rucket_platform.clients.container_engine import connect_engine
from rucket_platform.containers import RucketContainer

IMAGE_VARIABLE = "RUCKET_IMAGE"


@pytest.fixture(scope="session")
def image() -> str:
    """The image that `make containers-test` has built. Without one these tests fail, never skip."""
    name = os.environ.get(IMAGE_VARIABLE)
    if name is None:
        pytest.fail(f"{IMAGE_VARIABLE} names no image; run these tests by: make containers-test")
    return name


@pytest.fixture(scope="session")
def engine(image: str) -> Iterator[DockerClient]:
    """The engine, which has the image."""
    client = connect_engine()
    client.images.get(image)
    yield client
    client.close()


@pytest.fixture
def volume(engine: DockerClient) -> Iterator[str]:
    """A named volume of the test's own."""
    made = engine.volumes.create()
    yield made.name
    made.remove(force=True)


@pytest.fixture(scope="module")
def rucket(image: str) -> Iterator[RucketContainer]:
    """A container that the tests of a module share."""
    with RucketContainer(
        image,
        users=["alice"],
        buckets=["photos"],
        settings={"server": {"workers": 1}},
        healthcheck={"interval": 1_000_000_000},
    ) as container:
        yield container
