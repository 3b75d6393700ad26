"""`python -m rucket_platform.image`: build the image; what stands behind `make image`."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from rucket_platform.clients.container_engine import connect_engine
from rucket_platform.errors import PlatformError
from rucket_platform.image.build import BuiltImage, ImagePlan, build
from rucket_platform.image.context import ARCHITECTURES, ContextPlan, lay_out
from rucket_platform.tools.progress import Progress

_REPOSITORY = Path(__file__).resolve().parents[3]
_DEFAULT_BASE = "python:3.11-slim"
_DEFAULT_TAG = "rucket:latest"
_MEBIBYTE = 1024 * 1024


def main(arguments: list[str] | None = None) -> int:
    """Build; 1 if that failed."""
    options = _parser().parse_args(arguments)
    try:
        image = _build(options)
    except PlatformError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 -- a command's output
        return 1
    own = image.size_bytes - image.base_size_bytes
    print(  # noqa: T201 -- a command's output
        f"{image.tag}: {image.size_bytes / _MEBIBYTE:.0f} MiB, "
        f"{own / _MEBIBYTE:.0f} MiB of it above {options.base} ({image.id})"
    )
    return 0


def _build(options: argparse.Namespace) -> BuiltImage:
    progress = Progress(Console(stderr=True))
    client = connect_engine()
    try:
        with progress.step("laying out wheels", usually="15 seconds") as show:
            context = ContextPlan(_REPOSITORY, options.directory, options.arch)
            version = lay_out(context, show)
        plan = ImagePlan(
            context=options.directory,
            tag=options.tag,
            base=options.base,
            architecture=options.arch,
            arguments={"VERSION": version, "REVISION": _revision()},
        )
        with progress.step("building the image", usually="5 seconds") as show:
            return build(client, plan, show)
    finally:
        client.close()


def _revision() -> str:
    """The commit of the checkout; empty where it is none."""
    git = ["git", "-C", str(_REPOSITORY), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _own_architecture() -> str:
    machine = platform.machine()
    known = {wheel: name for name, wheel in ARCHITECTURES.items()} | {"arm64": "arm64"}
    return known.get(machine, machine)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make image", description=__doc__)
    parser.add_argument("--base", default=_DEFAULT_BASE, help="image below, with Python 3.11")
    parser.add_argument("--tag", default=_DEFAULT_TAG, help="name of the image")
    parser.add_argument("--arch", default=_own_architecture(), choices=sorted(ARCHITECTURES))
    parser.add_argument(
        "--directory", type=Path, default=_REPOSITORY / "dist" / "image", help="build context"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
