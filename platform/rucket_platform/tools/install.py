"""Finds or installs the tools: on PATH → kept from last time → official release → Go modules."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rucket_platform.errors import ToolError
from rucket_platform.tools.go_build import build_from_modules
from rucket_platform.tools.pinned import (
    PULUMI_VERSION,
    ToolSet,
    cache_directory,
    is_complete,
    set_name,
)
from rucket_platform.tools.release import RELEASES_URL, download_release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rucket_platform.tools.progress import Progress

_VERSION_TIMEOUT_S = 20.0


def ensure_tools(progress: Progress, *, releases_url: str = RELEASES_URL) -> ToolSet:
    """Return the tools, installing them first if need be.

    Several processes may call this at once; one installs, the others wait for it.

    Raises:
        ToolError: They can't be had; the text says what to install.
    """
    cache = cache_directory()
    kept = cache / set_name() / "bin"
    if is_complete(kept):
        return ToolSet(kept, "kept from last time")
    found = _find_on_path()
    if found is not None:
        return found
    cache.mkdir(parents=True, exist_ok=True)
    with _exclusive(cache / "install.lock", progress):
        if is_complete(kept):
            return ToolSet(kept, "installed just now by another process")
        return ToolSet(kept, _install(kept.parent, progress, releases_url))


def _find_on_path() -> ToolSet | None:
    pulumi = shutil.which("pulumi")
    # The Automation API takes an installation, whose commands lie in its `bin`.
    if pulumi is None or Path(pulumi).parent.name != "bin":
        return None
    if not is_complete(Path(pulumi).parent):
        return None
    try:
        answer = subprocess.run(
            [pulumi, "version"],
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.stdout.strip() != f"v{PULUMI_VERSION}":
        return None
    return ToolSet(Path(pulumi).parent, "on PATH")


def _install(destination: Path, progress: Progress, releases_url: str) -> str:
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix="installing-") as draft:
        directory = Path(draft) / "bin"
        directory.mkdir()
        source = _fill(directory, progress, releases_url)
        if not is_complete(directory):
            raise ToolError(f"the {source} lacks some of the tools")
        # A set appears whole or not at all.
        shutil.rmtree(destination, ignore_errors=True)
        destination.mkdir()
        directory.replace(destination / "bin")
    return source


def _fill(directory: Path, progress: Progress, releases_url: str) -> str:
    try:
        with progress.step(f"getting Pulumi {PULUMI_VERSION}", usually="under a minute") as show:
            download_release(directory, show, releases_url=releases_url)
    except ToolError as error:
        progress.say(f"official release skipped: {error}")
    else:
        return "official release"
    for leftover in directory.iterdir():
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    title = f"building Pulumi {PULUMI_VERSION} from Go modules, once"
    with progress.step(title, usually="4 to 7 minutes on 2 cores") as show:
        build_from_modules(directory, show)
    return "build from Go modules"


@contextmanager
def _exclusive(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("another process is installing the tools; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
