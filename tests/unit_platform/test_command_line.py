"""How the command of a kit ends."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rucket_platform.command_line import ExitCode, interrupts_deferred, run_command
from rucket_platform.errors import TargetError
from rucket_platform.wait import wait_until
from tests.marked_processes import mark, marked


def parser_of(run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.set_defaults(run=run)
    return parser


def refuse(_: argparse.Namespace) -> int:
    raise TargetError("nobody is there")


def run_out_of_disk(_: argparse.Namespace) -> int:
    raise OSError(28, "No space left on device")


def stumble(_: argparse.Namespace) -> int:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("run", "code", "words"),
    [
        (lambda _: 0, ExitCode.PASSED, ""),
        (lambda _: 1, ExitCode.FAILED, ""),
        (refuse, ExitCode.UNJUDGED, "error: nobody is there"),
        (run_out_of_disk, ExitCode.UNJUDGED, "No space left on device"),
        (stumble, ExitCode.UNJUDGED, "the kit itself has failed"),
    ],
)
def test_a_pipeline_learns_whether_it_was_judged(
    capsys: pytest.CaptureFixture[str],
    run: Callable[[argparse.Namespace], int],
    code: ExitCode,
    words: str,
) -> None:
    """A kit that fails itself is never taken for a server that does."""
    assert run_command(parser_of(run), []) is code
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_lets_everything_be_put_right(
    capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    """Clean-up isn't interrupted by the next one, and the handlers of before come back."""
    before = signal.getsignal(number)
    ended: list[str] = []

    def work(_: argparse.Namespace) -> int:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(signal.SIGINT)
            ended.append("clean")
        return 0

    assert run_command(parser_of(work), []) is ExitCode.INTERRUPTED
    assert ended == ["clean"]
    assert signal.getsignal(number) is before
    assert "no report was written" in capsys.readouterr().err


def test_an_interrupt_waits_until_a_block_has_ended() -> None:
    """And comes then."""
    steps: list[str] = []

    def work(_: argparse.Namespace) -> int:
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
            steps.append("inside")
        steps.append("after")
        return 0

    assert run_command(parser_of(work), []) is ExitCode.INTERRUPTED
    assert steps == ["inside"]


@pytest.mark.parametrize(
    ("command", "last"),
    [
        (("loadtests", "run", "small", "--duration-s", "60"), "loadtests.worker"),
        (("chaos", "run", "kill-all"), "toxiproxy"),
    ],
    ids=["load", "chaos"],
)
def test_ctrl_c_ends_a_kit_with_all_that_it_started(
    command: tuple[str, ...], last: str, tmp_path: Path
) -> None:
    """In the middle of a run: exit code 130, no report, no server, worker or proxy left."""
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--report", str(tmp_path / "report")],
            env={**os.environ, **mark(tmp_path), "TMPDIR": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    wait_until(
        lambda: any(last in line for line in marked(tmp_path).values()), timeout_s=60, what=last
    )
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == ExitCode.INTERRUPTED
    text = (tmp_path / "said").read_text()
    assert "Traceback" not in text
    assert "no report was written" in text
    assert not marked(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["said"]
