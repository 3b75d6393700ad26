"""A client's program, run as its users run it, but seeing nothing of the user who runs the tests.

The environment is made from nothing: no credentials, profiles or proxies of the machine leak in.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 180
OUTPUT_TAIL_CHARS = 4000


class ClientFailedError(Exception):
    """A client's program ended with an error; has its command, exit code and last output."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a program printed and how it ended."""

    returncode: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode()

    @property
    def lines(self) -> list[str]:
        """Standard output's lines."""
        return self.text.splitlines()


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A program with what stands before each command's own arguments, its home and environment."""

    program: Sequence[str]
    home: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> Output:
        """Run the program and return its output.

        Raises:
            ClientFailedError: It ended with another exit code than 0.
        """
        output = self.attempt(*arguments, stdin=stdin, cwd=cwd)
        if output.returncode != 0:
            raise ClientFailedError(
                f"`{' '.join([*self.program, *arguments])}` ended with {output.returncode}:\n"
                f"{output.text[-OUTPUT_TAIL_CHARS:]}\n{output.stderr[-OUTPUT_TAIL_CHARS:]}"
            )
        return output

    def attempt(self, *arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> Output:
        """Run the program and return its output, however it ended."""
        done = subprocess.run(
            [*self.program, *arguments],
            input=stdin,
            capture_output=True,
            cwd=cwd or self.home,
            env={**self._clean_environment(), **self.environment},
            timeout=TIMEOUT_S,
            check=False,
        )
        return Output(done.returncode, done.stdout, done.stderr.decode(errors="replace"))

    def _clean_environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "NO_PROXY": "*",
            "PATH": os.defpath,
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.home),
        }
