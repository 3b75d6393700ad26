"""Runs `rucket` in this process."""

import sys
from dataclasses import dataclass

import pytest

from rucket.cli.main import main


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a command."""

    exit_code: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The command line."""

    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Ran:
        """Runs a command to its end."""
        self.monkeypatch.setattr(sys, "argv", ["rucket", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        said = self.capture.readouterr()
        code = caught.value.code
        return Ran(code if isinstance(code, int) else 0, said.out, said.err)
