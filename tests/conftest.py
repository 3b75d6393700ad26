"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# A time limit per example would judge the machine, not the code.
settings.register_profile("rucket", deadline=None)
settings.load_profile("rucket")
