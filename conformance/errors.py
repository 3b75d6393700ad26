"""What can keep a run from being one."""

from __future__ import annotations

from rucket_platform.errors import PlatformError


class SuiteError(PlatformError):
    """The suite can't be had or run; the text says what to do."""


class ResultsError(PlatformError):
    """A file of results or expectations isn't one."""
