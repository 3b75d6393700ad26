"""toxiproxy, built once from its Go module (`platform/tools/toxiproxy`) and kept."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rucket_platform.tools.go_build import TOXIPROXY, build_one
from rucket_platform.tools.pinned import cache_directory, release_platform

if TYPE_CHECKING:
    from rucket_platform.tools.progress import Progress


def ensure_toxiproxy(progress: Progress) -> Path:
    """The server's executable; built first if need be.

    Raises:
        ToolError: Go is missing, or the build failed.
    """
    name = f"{TOXIPROXY.executable}-{TOXIPROXY.version}-{release_platform()}"
    kept = cache_directory() / name
    if os.access(kept, os.X_OK):
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    title = f"building toxiproxy {TOXIPROXY.version} from its Go module, once"
    with (
        tempfile.TemporaryDirectory(dir=kept.parent, prefix="installing-") as draft,
        progress.step(title, usually="under a minute") as show,
    ):
        build_one(TOXIPROXY, Path(draft), show)
        (Path(draft) / TOXIPROXY.executable).replace(kept)
    return kept
