"""What can keep a run from being one."""

from __future__ import annotations

from rucket_platform.errors import PlatformError


class LoadTestError(PlatformError):
    """A run can't be made as asked, or its file read; the text says what to do."""
