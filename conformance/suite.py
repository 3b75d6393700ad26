"""The suite: a checkout of ceph/s3-tests at the commit that the lists were made for, and an
environment of its own, locked, so that neither a new boto3 nor ours changes the score.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.errors import SuiteError

if TYPE_CHECKING:
    from rucket_platform.tools.progress import Progress

COMMIT = "8f0ae7b4"
"""The upstream commit that lists/classification.csv describes."""

_REMOTE_PREFIXES = ("http://", "https://", "git@", "ssh://", "file://")
_CLONE_TIMEOUT_S = 600
_INSTALL_TIMEOUT_S = 900
_LOCK = "s3-tests.txt"


@dataclass(frozen=True, slots=True)
class Suite:
    """A checkout that can be run.

    Attributes:
        directory: Of the checkout; never written to.
        commit: Its commit, "unknown" where it has no history.
        python: The interpreter of its environment.
    """

    directory: Path
    commit: str
    python: Path

    @property
    def is_pinned(self) -> bool:
        """Whether it is the commit that the lists describe."""
        return self.commit.startswith(COMMIT)


def prepare_suite(source: str, progress: Progress) -> Suite:
    """The suite from a folder or a Git URL, ready to run.

    Raises:
        SuiteError: It can't be cloned, isn't s3-tests, or its environment can't be made.
    """
    directory = _clone(source, progress) if source.startswith(_REMOTE_PREFIXES) else Path(source)
    if not (directory / "s3tests" / "functional" / "test_s3.py").is_file():
        raise SuiteError(
            f"{source} has no s3tests/functional/test_s3.py: give a checkout of ceph/s3-tests "
            f"(commit {COMMIT}), or its Git URL"
        )
    return Suite(directory.resolve(), _commit_of(directory), _environment(progress))


def _cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "rucket" / "conformance"


def _clone(url: str, progress: Progress) -> Path:
    directory = _cache_directory() / f"s3-tests-{COMMIT}"
    if directory.exists():
        return directory
    aside = directory.with_name(f"{directory.name}.{os.getpid()}")
    aside.parent.mkdir(parents=True, exist_ok=True)
    try:
        with progress.step("cloning s3-tests", usually="under a minute"):
            _git("clone", "--quiet", url, str(aside))
            _git("-C", str(aside), "checkout", "--quiet", "--detach", COMMIT)
        aside.rename(directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return directory


def _git(*arguments: str) -> str:
    try:
        ended = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            text=True,
            timeout=_CLONE_TIMEOUT_S,
            check=False,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SuiteError(f"git {arguments[0]} did not work: {error}") from error
    if ended.returncode:
        raise SuiteError(f"git {arguments[0]} failed: {ended.stderr.strip()[-500:]}")
    return ended.stdout.strip()


def _commit_of(directory: Path) -> str:
    try:
        return _git("-C", str(directory), "rev-parse", "HEAD")
    except SuiteError:
        return "unknown"


def _environment(progress: Progress) -> Path:
    lock = (files("conformance") / "locks" / _LOCK).read_bytes()
    digest = hashlib.sha256(lock + sys.version.encode()).hexdigest()[:16]
    directory = _cache_directory() / f"environment-{digest}"
    python = directory / "bin" / "python"
    if (directory / "installed").exists():
        return python
    shutil.rmtree(directory, ignore_errors=True)
    directory.parent.mkdir(parents=True, exist_ok=True)
    requirements = directory.parent / f"{directory.name}.txt"
    requirements.write_bytes(lock)
    with progress.step("making the suite's environment", usually="half a minute"):
        _run([sys.executable, "-m", "venv", str(directory)])
        _run(
            [
                *(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--require-hashes", "-r", str(requirements)),
            ]
        )
    (directory / "installed").touch()
    return python


def _run(command: list[str]) -> None:
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SuiteError(f"{command[0]} did not work: {error}") from error
    if ended.returncode:
        raise SuiteError(
            f"the suite's environment can't be made: {(ended.stderr or ended.stdout)[-800:]}"
        )
