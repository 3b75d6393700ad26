"""A command line in an empty directory, with nothing set that it would obey."""

import os
from pathlib import Path

import pytest

from tests.unit.cli.command_line import CommandLine


@pytest.fixture
def command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """The command `rucket`."""
    monkeypatch.chdir(tmp_path)
    for variable in list(os.environ):
        if variable.startswith(("RUCKET", "AWS_")):
            monkeypatch.delenv(variable)
    return CommandLine(monkeypatch, capsys)
