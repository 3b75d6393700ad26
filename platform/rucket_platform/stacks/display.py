"""Shows what the engine does, one line for each resource that it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi.automation import EngineEvent, OpType, StepEventMetadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rucket_platform.tools.progress import Progress

_VERBS: dict[OpType, tuple[str, str]] = {
    OpType.CREATE: ("+", "created"),
    OpType.UPDATE: ("~", "changed"),
    OpType.DELETE: ("-", "removed"),
    OpType.CREATE_REPLACEMENT: ("+", "created anew"),
    OpType.DELETE_REPLACED: ("-", "removed, to be replaced"),
    OpType.IMPORT: ("=", "imported"),
}
# What the engine adds to an error that has been told already.
_NOISE = ("update failed", "an unhandled error occurred: program exited with non-zero exit code")
_KINDS = {
    "rucket:platform:Node": "node",
    "rucket:platform:Credentials": "credentials",
    "rucket:platform:Bucket": "bucket",
    "rucket:platform:User": "user",
    "rucket:platform:AccessKey": "access key",
}


class EngineDisplay:
    """Turns the engine's events into lines.

    Attributes:
        problems: What the engine called an error, in order.
        change_count: How many resources it changed.
    """

    def __init__(self, progress: Progress, show: Callable[[str], None]) -> None:
        self._progress = progress
        self._show = show
        self.problems: list[str] = []
        self.change_count = 0

    def on_event(self, event: EngineEvent) -> None:
        """Take one event."""
        if event.resource_pre_event is not None:
            step = event.resource_pre_event.metadata
            if step.type in _KINDS and step.op in _VERBS:
                self._show(_title(step))
        elif event.res_outputs_event is not None:
            self._finished(event.res_outputs_event.metadata)
        elif event.diagnostic_event is not None and event.diagnostic_event.severity == "error":
            self._problem(event.diagnostic_event.urn, event.diagnostic_event.message)

    def _finished(self, step: StepEventMetadata) -> None:
        if step.type not in _KINDS or step.op not in _VERBS:
            return
        self.change_count += 1
        sign, verb = _VERBS[step.op]
        because = f" ({', '.join(sorted(step.detailed_diff))})" if step.detailed_diff else ""
        self._progress.say(f"  {sign} {_title(step)} {verb}{because}")

    def _problem(self, urn: str | None, message: str) -> None:
        text = message.strip().removeprefix("error: ")
        if text and not text.startswith(_NOISE) and text not in self.problems:
            self.problems.append(f"{_name(urn)}: {text}" if urn else text)


class EngineLog:
    """Keeps all that the engine writes, for when a line is not enough."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")
        path.chmod(0o600)

    def write(self, line: str) -> None:
        """Append a line."""
        self._file.write(line + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _title(step: StepEventMetadata) -> str:
    return f"{_KINDS[step.type]} {_name(step.urn)}"


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
