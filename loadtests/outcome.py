"""What a run came to; the file that is kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from loadtests.errors import LoadTestError
from loadtests.recording import Operation, Recording
from loadtests.samples import Sample
from loadtests.shapes import Step
from loadtests.thresholds import Check

if TYPE_CHECKING:
    from pathlib import Path

FORMAT_VERSION = 1
FILE_NAME = "results.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run.

    Attributes:
        warm_up_s: What isn't held against thresholds.
        users: How many there were at each second.
        steps: Of a search for the knee.
        knee: Where it was found.
    """

    target: str
    profile: str
    shape: str
    started: str
    duration_s: float
    warm_up_s: float
    worker_count: int
    machine: str
    recording: Recording
    samples: tuple[Sample, ...] = ()
    users: tuple[tuple[float, int], ...] = ()
    checks: tuple[Check, ...] = ()
    steps: tuple[Step, ...] = ()
    knee: Step | None = None

    @property
    def measured_s(self) -> float:
        """How long it was measured, warm-up left out."""
        return max(0.0, self.duration_s - self.warm_up_s)

    def operations(self) -> dict[str, Operation]:
        """By name, warm-up and clean-up left out."""
        totals = self.recording.totals(self.warm_up_s, self.duration_s)
        return {name: found for name, found in totals.items() if "(cleanup)" not in name}

    @property
    def passed(self) -> bool:
        """Whether every threshold was kept, every byte was right, and something was done."""
        return (
            bool(self.operations())
            and all(check.kept for check in self.checks)
            and not self.recording.wrong_bytes
        )


def to_json(outcome: Outcome) -> str:
    """The file that is kept."""
    content = {
        **{name: getattr(outcome, name) for name in _PLAIN},
        "format_version": FORMAT_VERSION,
        "recording": outcome.recording.to_plain(),
        "samples": [asdict(sample) for sample in outcome.samples],
        "checks": [asdict(check) for check in outcome.checks],
        "steps": [asdict(step) for step in outcome.steps],
        "knee": None if outcome.knee is None else asdict(outcome.knee),
    }
    return json.dumps(content) + "\n"


_PLAIN = (
    "target",
    "profile",
    "shape",
    "started",
    "duration_s",
    "warm_up_s",
    "worker_count",
    "machine",
    "users",
)


def read_outcome(path: Path) -> Outcome:
    """A run from its file, or from the folder of its report.

    Raises:
        LoadTestError: There is none, or it isn't one.
    """
    file = path / FILE_NAME if path.is_dir() else path
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if content["format_version"] != FORMAT_VERSION:
            raise LoadTestError(f"{file} was written by another version of this kit")
        return Outcome(
            **{name: content[name] for name in _PLAIN if name != "users"},
            users=tuple((float(at_s), int(count)) for at_s, count in content["users"]),
            recording=Recording.from_plain(content["recording"]),
            samples=tuple(Sample(**sample) for sample in content["samples"]),
            checks=tuple(Check(**check) for check in content["checks"]),
            steps=tuple(Step(**step) for step in content["steps"]),
            knee=None if content["knee"] is None else Step(**content["knee"]),
        )
    except OSError as error:
        raise LoadTestError(f"there is no run in {path}: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise LoadTestError(f"{file} isn't a run: {error!r}") from error
