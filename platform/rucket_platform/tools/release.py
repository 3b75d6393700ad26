"""Gets the tools from Pulumi's official releases; the archive is the one its installer takes."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from typing import TYPE_CHECKING

import httpx

from rucket_platform.errors import ToolError
from rucket_platform.tools.pinned import (
    EXECUTABLES,
    PULUMI_VERSION,
    release_platform,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RELEASES_URL = "https://get.pulumi.com/releases/sdk"

_CONNECT_TIMEOUT_S = 4.0
_READ_TIMEOUT_S = 30.0
_MIB = 1024 * 1024


def download_release(
    destination: Path, show: Callable[[str], None], *, releases_url: str = RELEASES_URL
) -> None:
    """Fill `destination` with the tools.

    Args:
        destination: An empty directory.
        show: Told how far the download is.
        releases_url: Where the releases lie.

    Raises:
        ToolError: The releases can't be reached, or what came is not what was announced.
    """
    archive = f"pulumi-v{PULUMI_VERSION}-{release_platform()}.tar.gz"
    timeout = httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
    try:
        with httpx.Client(timeout=timeout, follow_redirects=True) as client:
            announced = _announced_digest(client, releases_url, archive)
            path = destination / archive
            digest = _download(client, f"{releases_url}/{archive}", path, show)
    except httpx.HTTPError as error:
        raise ToolError(f"{releases_url} can't be reached ({error})") from error
    if digest != announced:
        raise ToolError(f"{archive} has SHA-256 {digest}, announced was {announced}")
    _unpack(path, destination)


def _announced_digest(client: httpx.Client, releases_url: str, archive: str) -> str:
    answer = client.get(f"{releases_url}/pulumi-{PULUMI_VERSION}-checksums.txt")
    answer.raise_for_status()
    for line in answer.text.splitlines():
        digest, _, name = line.partition(" ")
        if name.strip() == archive:
            return digest
    raise ToolError(f"there is no official release {archive}")


def _download(client: httpx.Client, url: str, path: Path, show: Callable[[str], None]) -> str:
    digest = hashlib.sha256()
    size_bytes = 0
    with client.stream("GET", url) as answer, path.open("wb") as file:
        answer.raise_for_status()
        for chunk in answer.iter_bytes():
            file.write(chunk)
            digest.update(chunk)
            size_bytes += len(chunk)
            show(f"{size_bytes // _MIB} MiB")
    return digest.hexdigest()


def _unpack(archive: Path, destination: Path) -> None:
    unpacked = destination / "unpacked"
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="data")
        for name in EXECUTABLES:
            shutil.move(unpacked / "pulumi" / name, destination / name)
    except (tarfile.TarError, OSError) as error:
        raise ToolError(f"{archive.name} is not the archive that was expected: {error}") from error
    shutil.rmtree(unpacked)
    archive.unlink()
