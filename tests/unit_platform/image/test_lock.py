"""What the image installs: the runtime's dependencies, as they were tested."""

import re
import tomllib
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[3]
_LOCKS = _REPOSITORY / "platform" / "locks"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def _pins(lock: str) -> dict[str, str]:
    return dict(_PIN.findall((_LOCKS / lock).read_text(encoding="utf-8")))


def test_the_image_runs_the_versions_that_the_tests_ran() -> None:
    """Every pin of the server's lock is in the lock of development, the same."""
    server, development = _pins("server.txt"), _pins("dev.txt")

    assert server
    assert {name: development.get(name) for name in server} == server


def test_the_image_has_every_dependency_and_none_of_development() -> None:
    """The lock covers pyproject's dependencies, and nothing of its extras and groups."""
    project = tomllib.loads((_REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {_name(line) for line in project["project"]["dependencies"]}
    server = set(_pins("server.txt"))

    assert needed <= server
    assert not server & {"pytest", "mypy", "boto3", "docker", "pulumi", "locust", "hatchling"}


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    assert found is not None
    return found.group()
