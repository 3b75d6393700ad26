"""The example project of docs/testcontainers.md, as its reader would run it."""

import os
import subprocess
import sys
from pathlib import Path

_EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "testcontainers"


def test_the_example_works(image: str) -> None:
    """Its tests pass, in a pytest of their own."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=_EXAMPLE,
        env={**os.environ, "RUCKET_IMAGE": image, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
