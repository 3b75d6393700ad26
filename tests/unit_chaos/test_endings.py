"""Runs that come to no verdict."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from rucket_platform.wait import wait_until
from tests.marked_processes import mark, marked


def test_a_proxy_that_dies_is_not_taken_for_a_server_that_fails(tmp_path: Path) -> None:
    """The run ends with what happened and exit code 2; no report, nothing left running."""
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "chaos", "run", "kill-all", "--report", str(tmp_path / "r")],
            env={**os.environ, **mark(tmp_path)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )

    def proxies() -> list[int]:
        return [pid for pid, line in marked(tmp_path).items() if "toxiproxy" in line]

    wait_until(lambda: bool(proxies()), timeout_s=60, what="toxiproxy to run")
    for pid in proxies():
        os.kill(pid, signal.SIGKILL)
    assert process.wait(120) == 2
    text = (tmp_path / "said").read_text()
    assert "error: toxiproxy" in text
    assert "Traceback" not in text
    assert not (tmp_path / "r").exists()
    assert not marked(tmp_path)
