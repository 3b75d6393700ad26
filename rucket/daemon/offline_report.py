"""What `rucket verify` has found."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Protocol


@enum.unique
class Area(enum.StrEnum):
    """Where a problem is, and with that what repairs it."""

    DIRECTORY = "directory"
    LOG = "log"
    INDEX = "index"
    CHECKPOINTS = "checkpoints"
    BLOBS = "blobs"
    SEGMENTS = "segments"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that isn't as it was written."""

    area: Area
    what: str
    detail: str


class Progress(Protocol):
    """Is told how far a check has come."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """`done` of `total` (None: nobody knows) of what `stage` counts."""
        ...


@dataclass(slots=True)
class VerifyReport:
    """A whole data directory.

    Attributes:
        problems: what is wrong.
        notes: what is worth knowing and right.
        repairs: what to do about the problems, a sentence each.
        figures: what was read, by area and name.
    """

    data_dir: str
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    figures: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, area: Area, what: str, detail: str) -> None:
        """Adds a problem."""
        self.problems.append(Problem(area, what, detail))
