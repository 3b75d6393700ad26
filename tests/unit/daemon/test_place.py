"""When the next process may start, and what a supervisor makes of the end of one."""

import signal

import pytest

from rucket.daemon.handshake import ExitCode, exit_code_of
from rucket.daemon.place import RESTART_PAUSE_S_MAX, describe_exit, restart_pause_s
from rucket.model.errors import (
    ConfigurationError,
    CorruptionError,
    DataDirectoryError,
    DeviceError,
    LogFailedError,
    OperatingError,
    StorageFullError,
    UnknownFormatError,
)


def test_pauses_grow_to_a_limit() -> None:
    """At once after a long life; then longer and longer, but never long."""
    pauses = [restart_pause_s(early_ends) for early_ends in range(50)]

    assert pauses[:4] == [0, 0.1, 0.2, 0.4]
    assert pauses == sorted(pauses)
    assert pauses[-1] == RESTART_PAUSE_S_MAX


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "exit code 1"),
        (-signal.SIGKILL, "signal SIGKILL"),
        (-(signal.SIGRTMIN + 1), "signal 35"),
    ],
)
def test_an_end_is_described(code: int, words: str) -> None:
    """In words that people know."""
    assert describe_exit(code) == words


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CorruptionError("a", "b"), ExitCode.REFUSED),
        (UnknownFormatError("a", 2, 1), ExitCode.REFUSED),
        (DataDirectoryError("a"), ExitCode.REFUSED),
        (ConfigurationError("a"), ExitCode.CONFIGURATION_ERROR),
        (StorageFullError("a"), ExitCode.OPERATING_ERROR),
        (DeviceError("a"), ExitCode.OPERATING_ERROR),
        (LogFailedError("a"), ExitCode.OPERATING_ERROR),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_that_a_restart_may_mend_are_told_apart(
    error: OperatingError, code: ExitCode
) -> None:
    """A full disk may be emptied; a corrupt file stays corrupt."""
    assert exit_code_of(error) is code
