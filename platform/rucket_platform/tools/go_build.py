"""Builds the tools from Go modules, pinned by `platform/tools/*/go.mod` and `go.sum`.

Two modules, because the engine and the last language host that lies in a module of its own
need different versions of the same libraries.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rucket_platform.errors import ToolError
from rucket_platform.tools.pinned import LANGUAGE_HOST_VERSION, PULUMI_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

MODULES_DIRECTORY = Path(__file__).resolve().parents[2] / "tools"

# Two compilers at once leave a small machine usable, and take some 2 GiB of memory.
_PARALLEL_COMPILERS = 2
_ERROR_LINES = 15
_INSTALL_GO = "building {what} needs Go 1.25 or newer: install it (https://go.dev/dl)"
_OR_PULUMI = f", or put pulumi v{PULUMI_VERSION} on PATH (https://www.pulumi.com/docs/install)"


@dataclass(frozen=True, slots=True)
class Module:
    """A command in a Go module.

    Attributes:
        directory: In `platform/tools`, with the `go.mod` that pins it.
        version: Of the command, without the v.
        version_variable: The Go variable that its version is written into; empty for none.
    """

    directory: str
    package: str
    executable: str
    version: str
    version_variable: str = ""


# The Automation API reads the version from the engine; without this it is empty.
_PULUMI_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
_ENGINE = Module(
    "pulumi",
    "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    "pulumi",
    PULUMI_VERSION,
    _PULUMI_VERSION_VARIABLE,
)
_LANGUAGE_HOST = Module(
    "language-python",
    "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python",
    "pulumi-language-python",
    LANGUAGE_HOST_VERSION,
    _PULUMI_VERSION_VARIABLE,
)
TOXIPROXY = Module(
    "toxiproxy", "github.com/Shopify/toxiproxy/v2/cmd/server", "toxiproxy-server", "2.5.0"
)


def build_from_modules(destination: Path, show: Callable[[str], None]) -> None:
    """Fill `destination` with the tools.

    Args:
        destination: An existing directory.
        show: Told how far the build is.

    Raises:
        ToolError: Go is missing, or the build failed; the text ends with what Go said.
    """
    go = _find_go("the Pulumi engine", _OR_PULUMI)
    for module in (_LANGUAGE_HOST, _ENGINE):
        _build(go, module, destination, show)
    _copy_exec_shim(go, destination)


def build_one(module: Module, destination: Path, show: Callable[[str], None]) -> None:
    """Put one executable into `destination`; otherwise as `build_from_modules`."""
    _build(_find_go(module.executable), module, destination, show)


def _find_go(what: str, otherwise: str = "") -> str:
    go = shutil.which("go")
    if go is None:
        raise ToolError(_INSTALL_GO.format(what=what) + otherwise)
    return go


def _build(go: str, module: Module, destination: Path, show: Callable[[str], None]) -> None:
    show(f"{module.executable}: getting its modules")
    linker_flags = "-s -w"
    if module.version_variable:
        linker_flags += f" -X {module.version_variable}=v{module.version}"
    command = [go, "build", "-v", "-trimpath", "-p", str(_PARALLEL_COMPILERS)]
    command += ["-ldflags", linker_flags, "-o", str(destination / module.executable)]
    last_lines: deque[str] = deque(maxlen=_ERROR_LINES)
    compiled = 0
    with subprocess.Popen(
        [*command, module.package],
        cwd=MODULES_DIRECTORY / module.directory,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as build:
        assert build.stderr is not None
        for line in build.stderr:
            last_lines.append(line.rstrip())
            if not line.startswith("go: "):
                compiled += 1
                show(f"{module.executable}: {compiled} packages compiled")
    if build.returncode != 0:
        raise ToolError("go build failed:\n    " + "\n    ".join(last_lines))


def _copy_exec_shim(go: str, destination: Path) -> None:
    answer = subprocess.run(
        [go, "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"],
        cwd=MODULES_DIRECTORY / _LANGUAGE_HOST.directory,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise ToolError(f"go list failed: {answer.stderr.strip()}")
    name = "pulumi-language-python-exec"
    shutil.copyfile(Path(answer.stdout.strip()) / "python" / "cmd" / name, destination / name)
    (destination / name).chmod(0o755)


def _environment() -> dict[str, str]:
    # The user's own flags must not change what is built.
    return {**os.environ, "GOFLAGS": "-mod=readonly", "GOWORK": "off", "CGO_ENABLED": "0"}
