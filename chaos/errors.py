"""What can keep a scenario from being judged."""

from __future__ import annotations

from rucket_platform.errors import PlatformError


class ChaosError(PlatformError):
    """A scenario can't be run as asked; the text says what to do."""
