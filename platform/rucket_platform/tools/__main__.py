"""`python -m rucket_platform.tools`: install the pinned tools and say where they are."""

from __future__ import annotations

import sys

from rich.console import Console

from rucket_platform.errors import PlatformError
from rucket_platform.tools.install import ensure_tools
from rucket_platform.tools.pinned import EXECUTABLES
from rucket_platform.tools.progress import Progress


def main() -> int:
    """Install; 1 if that failed."""
    try:
        tools = ensure_tools(Progress(Console(stderr=True)))
    except PlatformError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 -- a command's output
        return 1
    for name in EXECUTABLES:
        print(tools.directory / name)  # noqa: T201 -- a command's output
    return 0


if __name__ == "__main__":
    sys.exit(main())
