"""What the users of one worker share, and what is told to the master of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loadtests.recording import Recording

if TYPE_CHECKING:
    from rucket_platform.clients.connection import Connection

MESSAGE_KEY = "rucket_recording"
"""Where a worker's recording lies in its reports to Locust's master."""

WRONG_BYTES = "WrongBytes"
"""The error of a read that returned something else than what was written."""


@dataclass(slots=True)
class Work:
    """What the users of this worker share."""

    connection: Connection
    bucket: str
    started_at_s: float
    recording: Recording = field(default_factory=Recording)

    def take_recording(self) -> Recording:
        """What was recorded since the last time."""
        taken, self.recording = self.recording, Recording()
        return taken
