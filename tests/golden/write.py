"""Adds the golden files that are missing; changes none."""

from __future__ import annotations

from pathlib import Path

from tests.golden.values import golden_bytes


def main() -> None:
    """Writes."""
    directory = Path(__file__).parent / "files"
    directory.mkdir(exist_ok=True)
    for name, content in golden_bytes().items():
        path = directory / name
        if not path.exists():
            path.write_bytes(content)
            print(f"added {name}")


if __name__ == "__main__":
    main()
