"""Lays out the folder that the engine copies from: dependencies, Rucket, and the image's own files.

```
<directory>/
├── Dockerfile, rucket, rucket.toml     from platform/image
├── site/     the dependencies of platform/locks/server.txt, as wheels for the image's Python
├── app/      rucket/ · rucket-<version>.dist-info/ · healthcheck.py
└── data/     empty: what a new volume starts with
```
Everything is compiled here: the image runs read-only and couldn't keep what it compiles.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket_platform.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PYTHON_VERSION = (3, 11)
"""Of the base image: its first two numbers say which wheels and which bytecode fit."""

ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
"""The engine's word for each machine, and that of wheels."""

# What old and new base images' C libraries can load: Debian 12 has glibc 2.36.
_PLATFORM_TAGS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
_OWN_FILES = ("Dockerfile", "rucket", "rucket.toml")
# Sources of compiled modules, type stubs, the packages' own tests: the server reads none of it.
_NOT_NEEDED = ("*.pyi", "*.pyx", "*.pxd", "*.c", "*.h")
_STAMP = "site.sha256"
_PIP_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class ContextPlan:
    """What the folder is made of.

    Attributes:
        repository: The checkout.
        directory: Where to lay it out; made if it isn't there.
        architecture: A key of `ARCHITECTURES`.
    """

    repository: Path
    directory: Path
    architecture: str


def lay_out(plan: ContextPlan, say: Callable[[str], None]) -> str:
    """Make the folder; return Rucket's version.

    Dependencies that are there already, for the same lock and machine, are kept.

    Raises:
        ImageError: Something can't be installed; carries the installer's last words.
    """
    plan.directory.mkdir(parents=True, exist_ok=True)
    source = plan.repository / "platform" / "image"
    for name in _OWN_FILES:
        shutil.copy(source / name, plan.directory / name)
    (plan.directory / "data").mkdir(exist_ok=True)
    _install_dependencies(plan, say)
    say("Rucket")
    _install_rucket(plan, source)
    project = tomllib.loads((plan.repository / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def _install_dependencies(plan: ContextPlan, say: Callable[[str], None]) -> None:
    lock = plan.repository / "platform" / "locks" / "server.txt"
    wanted = hashlib.sha256(
        f"{plan.architecture} {PYTHON_VERSION} {sys.version_info[:2]}\n{lock.read_text()}".encode()
    ).hexdigest()
    stamp, site = plan.directory / _STAMP, plan.directory / "site"
    if stamp.exists() and stamp.read_text() == wanted:
        say("dependencies are there already")
        return
    say("dependencies")
    stamp.unlink(missing_ok=True)
    _remove(site)
    machine = ARCHITECTURES[plan.architecture]
    tags = [f"--platform={tag}_{machine}" for tag in _PLATFORM_TAGS]
    version = f"{PYTHON_VERSION[0]}{PYTHON_VERSION[1]}"
    _pip(
        "--no-deps",
        "--no-compile",
        "--require-hashes",
        "--only-binary=:all:",
        "--implementation=cp",
        f"--python-version={version}",
        f"--abi=cp{version}",
        "--abi=abi3",
        "--abi=none",
        *tags,
        f"--target={site}",
        f"--requirement={lock}",
    )
    _prune(site)
    _compile(site)
    stamp.write_text(wanted)


def _install_rucket(plan: ContextPlan, source: Path) -> None:
    app = plan.directory / "app"
    _remove(app)
    _pip("--no-deps", "--no-compile", "--no-build-isolation", f"--target={app}", plan.repository)
    _remove(app / "rucket_platform")
    _remove(app / "bin")
    shutil.copy(source / "healthcheck.py", app)
    _compile(app)


def _pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        done = subprocess.run(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PIP_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ImageError(f"pip did not end within {_PIP_TIMEOUT_S} s") from error
    if done.returncode != 0:
        raise ImageError("pip failed:\n" + "\n".join(done.stderr.splitlines()[-15:]))


def _prune(site: Path) -> None:
    _remove(site / "bin")
    for pattern in _NOT_NEEDED:
        for path in site.rglob(pattern):
            path.unlink()
    for tests in [path for path in site.rglob("tests") if path.is_dir()]:
        _remove(tests)


def _compile(folder: Path) -> None:
    # Bytecode of another Python would not be read.
    if sys.version_info[:2] != PYTHON_VERSION:
        return
    # Never compared with the sources' times, which copying doesn't have to keep.
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0"]
    options = ["--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", "/opt/rucket"]
    done = subprocess.run(
        [*command, *options, str(folder)],
        capture_output=True,
        text=True,
        timeout=_PIP_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise ImageError("compiling failed:\n" + "\n".join(done.stdout.splitlines()[-15:]))


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
