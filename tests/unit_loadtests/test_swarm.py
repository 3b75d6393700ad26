"""A short run for real: a Rucket, workers in processes, and what comes of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LIMITS = """
[total]
throughput_min = 0.1
error_share_max = 0
p99_ms_max = 60000
"""


def loadtests(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: Locust patches the standard library."""
    return subprocess.run(
        [sys.executable, "-m", "loadtests", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("profile", ["small", "listing", "multipart"])
def test_users_of_each_kind_find_every_byte_as_they_wrote_it(tmp_path: Path, profile: str) -> None:
    """And the report has what was measured."""
    limits = tmp_path / "limits.toml"
    limits.write_text(LIMITS)
    report = tmp_path / "report"
    shape = ("--concurrency", "4", "--duration-s", "6", "--workers", "2")
    ended = loadtests(
        *("run", profile, *shape, "--thresholds", str(limits), "--report", str(report))
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 of 3 thresholds missed" in ended.stdout
    kept = json.loads((report / "results.json").read_text())
    assert kept["samples"][-1]["cpu_s"] > 0
    assert max(count for _, count in kept["users"]) == 4
    assert "all bytes were right" in (report / "index.html").read_text()


def test_a_missed_threshold_decides_the_exit_code(tmp_path: Path) -> None:
    """With a line that names it."""
    limits = tmp_path / "limits.toml"
    limits.write_text("[operations.PutObject]\np50_ms_max = 0.0001\n")
    ended = loadtests(
        *("run", "small", "--concurrency", "2", "--duration-s", "4"),
        *("--thresholds", str(limits), "--report", str(tmp_path / "report")),
    )
    assert ended.returncode == 1
    assert "missed: PutObject: p50_ms_max 0.0001" in ended.stdout


def test_what_can_t_be_judged_is_told_in_a_line(tmp_path: Path) -> None:
    """An unreachable server, a wrong file, a place that isn't for reports."""
    users = tmp_path / "users.toml"
    users.write_text("[[users]]\nname='a'\naccess_key='AK'\nsecret_key='SK'\n")
    endpoint = ("--endpoint", "http://127.0.0.1:9", "--users", str(users))
    for arguments, reason in (
        (endpoint, "nothing answers at"),
        (("--thresholds", "/nowhere.toml"), "can't be read"),
        (("--report", __file__), "is a file"),
    ):
        ended = loadtests("run", "small", "--report", str(tmp_path / "report"), *arguments)
        assert ended.returncode == 2
        assert reason in ended.stderr
        assert "Traceback" not in ended.stderr
    assert not (tmp_path / "report").exists()
