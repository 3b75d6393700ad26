"""Fixtures for tests with the real engine: the tools, and a project of one's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from rucket_platform.tools.install import ensure_tools
from rucket_platform.tools.progress import Progress
from tests.deploy.project import IMAGE, PROCESSES, Project


@pytest.fixture(scope="session", autouse=True)
def _tools(request: pytest.FixtureRequest) -> None:
    """Install the pinned tools once; building them takes minutes, so it is seen to go on."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    if capture is None:
        ensure_tools(Progress(Console(stderr=True)))
        return
    with capture.global_and_fixture_disabled():
        ensure_tools(Progress(Console(stderr=True)))


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """A project with nothing declared yet; whatever it started is ended.

    Its nodes are processes unless the test asks for another substrate (`on_every_substrate`).
    """
    substrate = getattr(request, "param", PROCESSES)
    made = Project(tmp_path, image=None if substrate == PROCESSES else IMAGE)
    yield made
    made.clean_up()
