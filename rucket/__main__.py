"""``python -m rucket`` is the command ``rucket``."""

from __future__ import annotations

from rucket.cli.main import main

if __name__ == "__main__":
    main()
