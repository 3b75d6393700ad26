"""Runs a command with a container engine and the image: `python -m tests.containers.engine -- …`.

An engine that is there is used. Otherwise, as root on Debian or its like, Docker is installed and
started for the length of the command, with everything of its own: data, socket and bridge. The
base image is pulled, or, where no registry can be reached, made by debootstrap from the packages
that apt knows, once (~/.cache/rucket). The command gets DOCKER_HOST and RUCKET_IMAGE, and its exit
code is ours.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from docker import DockerClient
from docker.errors import DockerException, ImageNotFound
from rich.console import Console

from rucket_platform.clients.container_engine import connect_engine
from rucket_platform.errors import EngineUnavailable, PlatformError
from rucket_platform.image.__main__ import main as build_image
from rucket_platform.tools.progress import Progress
from rucket_platform.wait import wait_until

_IMAGE = "rucket:test"
_OFFICIAL_BASE = "python:3.11-slim"
_OWN_BASE = "rucket-test-base:bookworm"
_SUITE = "bookworm"
_PACKAGES = {"dockerd": "docker.io", "iptables": "iptables", "debootstrap": "debootstrap"}
_CACHE = Path.home() / ".cache" / "rucket"
_PULL_TIMEOUT_S = 120
_INSTALL_TIMEOUT_S = 600
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 30.0
# No reaper image, which couldn't be pulled either: the fixtures remove what tests made.
_TESTCONTAINERS = {"TESTCONTAINERS_RYUK_DISABLED": "true"}
_LABEL_OF_TESTCONTAINERS = "org.testcontainers"


class BedError(PlatformError):
    """The engine or the base can't be had; the text says what is missing."""


def main(command: list[str]) -> int:
    """Run `command`; its exit code, or 1 if there is no engine or no image."""
    progress = Progress(Console(stderr=True))
    try:
        with _engine(progress):
            base = os.environ.get("RUCKET_IMAGE_BASE") or _base(progress)
            if build_image(["--base", base, "--tag", _IMAGE]) != 0:
                return 1
            try:
                return _run(command, {"RUCKET_IMAGE": _IMAGE, **_TESTCONTAINERS})
            finally:
                _remove_leftovers()
    except PlatformError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


@contextmanager
def _engine(progress: Progress) -> Iterator[None]:
    try:
        connect_engine().close()
    except EngineUnavailable as error:
        if os.geteuid() != 0:
            raise BedError(f"{error}\n  (as root, one would be installed and started)") from error
    else:
        yield
        return
    _install(progress, "dockerd", "iptables")
    folder = Path(tempfile.mkdtemp(prefix="engine-", dir=_made(_CACHE)))
    os.environ["DOCKER_HOST"] = f"unix://{folder}/docker.sock"
    with (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(
            [
                "dockerd",
                f"--host={os.environ['DOCKER_HOST']}",
                f"--data-root={folder}/data",
                f"--exec-root={folder}/exec",
                f"--pidfile={folder}/dockerd.pid",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C is for the command; the engine ends after it.
            start_new_session=True,
        )
    try:
        with progress.step("starting a container engine", usually="3 seconds"):
            _wait_for_engine(daemon, folder / "dockerd.log")
        yield
    finally:
        _stop(daemon)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for_engine(daemon: "subprocess.Popen[bytes]", log: Path) -> None:
    def answers() -> bool:
        if daemon.poll() is not None:
            lines = log.read_text(errors="replace").splitlines()[-10:]
            raise BedError("dockerd ended:\n" + "\n".join(lines))
        with contextlib.suppress(EngineUnavailable):
            connect_engine().close()
            return True
        return False

    wait_until(answers, timeout_s=_START_TIMEOUT_S, what="dockerd to answer")


def _stop(daemon: "subprocess.Popen[bytes]") -> None:
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _base(progress: Progress) -> str:
    """The name of a base image that the engine has."""
    client = connect_engine(timeout_s=_PULL_TIMEOUT_S)
    try:
        for name in (_OFFICIAL_BASE, _OWN_BASE):
            with contextlib.suppress(ImageNotFound):
                client.images.get(name)
                return name
        with progress.step(f"pulling {_OFFICIAL_BASE}", usually="20 seconds"):
            if _pulled(client):
                return _OFFICIAL_BASE
        archive = _CACHE / f"base-{_SUITE}-{client.version()['Arch']}.tar"
        if not archive.exists():
            _make_base(progress, archive)
        repository, tag = _OWN_BASE.split(":")
        with progress.step(f"importing {_OWN_BASE}", usually="5 seconds"):
            client.api.import_image_from_file(str(archive), repository, tag)
    finally:
        client.close()
    return _OWN_BASE


def _pulled(client: DockerClient) -> bool:
    try:
        client.images.pull(_OFFICIAL_BASE)
    except (DockerException, OSError):
        return False
    return True


def _make_base(progress: Progress, archive: Path) -> None:
    if os.geteuid() != 0:
        raise BedError(
            f"{_OFFICIAL_BASE} can't be pulled, and only root can make a base by debootstrap; "
            f"name one that the engine has: RUCKET_IMAGE_BASE"
        )
    _install(progress, "debootstrap")
    with tempfile.TemporaryDirectory(prefix="base-", dir=_made(_CACHE)) as temporary:
        root, draft = Path(temporary) / "root", Path(temporary) / "base.tar"
        packages = "--include=python3,ca-certificates"
        with progress.step("making a base image by debootstrap", usually="40 seconds"):
            _checked(["debootstrap", "--variant=minbase", packages, _SUITE, root, *_mirror()])
            out = [f"--exclude=./{name}/*" for name in ("proc", "sys", "dev", "var/cache/apt")]
            _checked(
                ["tar", "-C", root, *out, "--exclude=./var/lib/apt/lists/*", "-cf", draft, "."]
            )
        draft.rename(archive)


def _mirror() -> list[str]:
    """Where apt gets the suite from; debootstrap's own default if it doesn't say."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", f"Codename: {_SUITE}"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.splitlines()[:1] if done.returncode == 0 else []


def _install(progress: Progress, *programs: str) -> None:
    missing = [_PACKAGES[name] for name in programs if shutil.which(name) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise BedError(f"please install {', '.join(missing)}, or start a container engine")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with progress.step(f"installing {' '.join(missing)}", usually="30 seconds"):
        install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
        try:
            _checked(install, quiet)
        except BedError:
            # Lists that are missing or too old.
            _checked(["apt-get", "update"], quiet)
            _checked(install, quiet)


def _checked(command: Sequence[str | Path], extra: Mapping[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(extra or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BedError(f"{command[0]} did not end within {_INSTALL_TIMEOUT_S} s") from error
    if done.returncode != 0:
        last = (done.stdout + done.stderr).splitlines()[-10:]
        raise BedError(f"{command[0]} failed:\n" + "\n".join(last))


def _run(command: list[str], extra: Mapping[str, str]) -> int:
    with subprocess.Popen(command, env={**os.environ, **extra}) as process:
        # Ctrl-C reaches the command, too: wait for it, then clean up.
        for _ in range(2):
            with contextlib.suppress(KeyboardInterrupt):
                return process.wait()
        process.kill()
        return process.wait()


def _remove_leftovers() -> None:
    """Remove containers of tests that were cut off."""
    client = connect_engine()
    try:
        labelled = {"label": _LABEL_OF_TESTCONTAINERS, "ancestor": _IMAGE}
        for container in client.containers.list(all=True, filters=labelled):
            container.remove(force=True, v=True)
    finally:
        client.close()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    arguments = sys.argv[1:]
    # A CI that is stopped ends the engine, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(arguments[1:] if arguments[:1] == ["--"] else arguments))
