"""What is found out before any process is started."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rucket.daemon.preflight import check_tls, prepare_data_directory
from rucket.daemon.settings import Settings
from rucket.model.errors import ConfigurationError, DataDirectoryError

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, int(sys.argv[1])))
from rucket.daemon.preflight import check_open_files
from rucket.daemon.settings import Settings
from rucket.observe.log import configure_logging
configure_logging("info", pretty=True, process="test")
check_open_files(Settings())
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def check_with_limit(limit: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit)], capture_output=True, text=True, check=False
    )


def test_too_few_open_files_are_refused() -> None:
    """The message names the limit and what it has to be."""
    ran = check_with_limit(100)

    assert ran.returncode != 0
    assert "this user may open 100 files; a server needs 256" in ran.stderr


def test_few_open_files_are_complained_about() -> None:
    """But used as far as they go."""
    ran = check_with_limit(1000)

    assert ran.stdout == "1000\n"
    assert "few open files are allowed" in ran.stderr
    assert "limit=1000" in ran.stderr


def test_enough_open_files_are_taken_in_silence() -> None:
    """The soft limit is raised to the hard one."""
    ran = check_with_limit(5000)

    assert (ran.stdout, ran.stderr) == ("5000\n", "")


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    """Nor is anything below one."""
    path = tmp_path / "file"
    path.touch()

    for taken in (path, path / "below"):
        with pytest.raises(DataDirectoryError, match="can't be used"):
            prepare_data_directory(taken)


def test_the_lock_is_held_by_who_inherits_it(tmp_path: Path) -> None:
    """A child that outlives its supervisor for a moment still keeps others out."""
    descriptor = prepare_data_directory(tmp_path / "a" / "b")
    inherited = os.dup(descriptor)
    os.close(descriptor)

    with pytest.raises(DataDirectoryError, match=f"pid {os.getpid()}"):
        prepare_data_directory(tmp_path / "a" / "b")

    fcntl.flock(inherited, fcntl.LOCK_UN)
    os.close(inherited)
    os.close(prepare_data_directory(tmp_path / "a" / "b"))


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "nonsense"])
def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path, content: str | None) -> None:
    """Before the gateways would fail, one after the other."""
    path = tmp_path / "cert.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ConfigurationError, match=r"server\.tls_cert .*cert\.pem"):
        check_tls(Settings(server={"tls_cert": path, "tls_key": path}))  # type: ignore[arg-type]
