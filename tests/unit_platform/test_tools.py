"""Finding and installing the pinned tools, without the network and without a compiler."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from rich.console import Console

from rucket_platform.errors import ToolError
from rucket_platform.tools.go_build import MODULES_DIRECTORY, build_from_modules
from rucket_platform.tools.install import ensure_tools
from rucket_platform.tools.pinned import EXECUTABLES, PULUMI_VERSION, release_platform
from rucket_platform.tools.progress import Progress
from rucket_platform.tools.release import download_release

ARCHIVE = f"pulumi-v{PULUMI_VERSION}-{release_platform()}.tar.gz"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A directory of releases and the URL that serves it."""
    directory = tmp_path / "releases"
    directory.mkdir()
    handler = partial(QuietHandler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield directory, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on PATH, nothing kept from last time."""
    monkeypatch.setenv("RUCKET_TOOLS_DIR", str(tmp_path / "tools"))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


def publish(directory: Path, *, announced: str | None = None) -> None:
    """Publish a release whose executables are empty files."""
    path = directory / ARCHIVE
    with tarfile.open(path, "w:gz") as tar:
        for name in EXECUTABLES:
            member = tarfile.TarInfo(f"pulumi/{name}")
            member.mode = 0o755
            tar.addfile(member, io.BytesIO())
    digest = announced or hashlib.sha256(path.read_bytes()).hexdigest()
    checksums = directory / f"pulumi-{PULUMI_VERSION}-checksums.txt"
    checksums.write_text(f"{'0' * 64}  something-else.tar.gz\n{digest}  {ARCHIVE}\n")


def progress() -> tuple[Progress, io.StringIO]:
    output = io.StringIO()
    return Progress(Console(file=output, force_terminal=False)), output


def test_an_official_release_is_installed_once(releases: tuple[Path, str]) -> None:
    """The second call finds what the first one kept, without asking anybody."""
    directory, url = releases
    publish(directory)

    first = ensure_tools(progress()[0], releases_url=url)
    (directory / ARCHIVE).unlink()
    second = ensure_tools(progress()[0], releases_url=url)

    assert first.source == "official release"
    assert second.source == "kept from last time"
    assert first.directory == second.directory
    assert sorted(path.name for path in first.directory.iterdir()) == sorted(EXECUTABLES)


def test_a_release_with_another_digest_is_refused(
    releases: tuple[Path, str], tmp_path: Path
) -> None:
    """What came must be what was announced."""
    directory, url = releases
    publish(directory, announced="f" * 64)

    with pytest.raises(ToolError, match="announced was ffff"):
        download_release(tmp_path, lambda _: None, releases_url=url)


def test_a_release_for_another_machine_is_none(releases: tuple[Path, str], tmp_path: Path) -> None:
    """A platform without a release is said to be one."""
    directory, url = releases
    (directory / f"pulumi-{PULUMI_VERSION}-checksums.txt").write_text("00  other.tar.gz\n")

    with pytest.raises(ToolError, match="there is no official release"):
        download_release(tmp_path, lambda _: None, releases_url=url)


def test_without_release_and_go_it_says_what_to_install() -> None:
    """Unreachable releases are skipped with a line, a missing Go is the error."""
    shown, output = progress()

    with pytest.raises(ToolError, match=r"needs Go 1\.\d+ or newer"):
        ensure_tools(shown, releases_url="http://127.0.0.1:1")

    assert "official release skipped: http://127.0.0.1:1 can't be reached" in output.getvalue()


def test_tools_of_the_pinned_version_on_path_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version on PATH is passed over."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in EXECUTABLES:
        (directory / name).write_text(f"#!/bin/sh\necho v{PULUMI_VERSION}\n")
        (directory / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    right = ensure_tools(progress()[0], releases_url="http://127.0.0.1:1")

    (directory / "pulumi").write_text("#!/bin/sh\necho v1.0.0\n")
    monkeypatch.setenv("PATH", str(directory))

    assert (right.directory, right.source) == (directory, "on PATH")
    with pytest.raises(ToolError):
        ensure_tools(progress()[0], releases_url="http://127.0.0.1:1")


def test_a_failed_build_tells_what_go_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last lines of the compiler are in the error."""
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "go").write_text("#!/bin/sh\necho 'some/package: no such thing' >&2\nexit 1\n")
    (directory / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")

    with pytest.raises(ToolError, match="some/package: no such thing"):
        build_from_modules(tmp_path, lambda _: None)


def test_the_modules_are_pinned_by_digest() -> None:
    """Both modules have a go.sum, and the engine's names the pinned version."""
    for module in ("pulumi", "language-python"):
        assert (MODULES_DIRECTORY / module / "go.sum").stat().st_size > 0
    assert f"pulumi/pkg/v3 v{PULUMI_VERSION}" in (MODULES_DIRECTORY / "pulumi/go.mod").read_text()


def test_a_long_step_is_seen_to_go_on() -> None:
    """Without a terminal a line comes now and then, with the latest detail."""
    output = io.StringIO()
    shown = Progress(Console(file=output, force_terminal=False), plain_period_s=0.01)

    with shown.step("building", usually="4 minutes") as show:
        show("packages compiled")
        while output.getvalue().count("packages compiled") < 2:
            threading.Event().wait(0.01)

    assert "building: 0:00 (usually 4 minutes), packages compiled" in output.getvalue()
    assert "building: done in 0:00" in output.getvalue()
