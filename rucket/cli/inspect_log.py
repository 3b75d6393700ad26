"""``rucket inspect log``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- typer reads annotations
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from rucket.cli.admin_options import Format
from rucket.cli.inspected_values import one_line, printable, time_of
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import ConfigurationError, UnknownFormatError
from rucket.state.commands import MalformedCommandError, decode_command
from rucket.store.wal.inspection import read_segment, segment_names

if TYPE_CHECKING:
    from rucket.ports.log import LogEntry
    from rucket.store.wal.inspection import SegmentReading

HELP: Final = """Show segments, frames and commands of the log.

PATH is a segment (0000000001.wal), a log directory, or a data directory. A frame is one batch that
was made durable by one sync; each of its records is a command. With -f json, every line is a JSON
object with a "kind": segment, frame, record, tail or damage.
"""

_LOG_DIRECTORY: Final = "wal"


def inspect_log(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A segment or a directory.")],
    first: Annotated[
        int, typer.Option("--from", metavar="N", min=1, help="Begin with this record.")
    ] = 1,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="Show so many records at most.")
    ] = 100,
    output: Annotated[Format, typer.Option("-f", "--format", help="How to print.")] = Format.TEXT,
) -> None:
    """Show segments, frames and commands of the log."""
    directory, chosen = _segments(path)
    names = segment_names(OsDisk(), str(directory))
    shown = _Shown(first, limit, is_json=output is Format.JSON)
    for position, name in enumerate(names):
        successor = names[position + 1] if position + 1 < len(names) else None
        if (chosen is None or chosen == name) and not shown.is_full:
            shown.show(read_segment(OsDisk(), str(directory), name, successor))


def _segments(path: Path) -> tuple[Path, str | None]:
    """The directory of the log, and the segment that is meant, if it is one."""
    if path.is_file():
        return path.parent, path.name
    for directory in (path / _LOG_DIRECTORY, path):
        if segment_names(OsDisk(), str(directory)):
            return directory, None
    raise ConfigurationError(f"{path}: there is no log segment (NNNNNNNNNN.wal)")


class _Shown:
    """Prints what lies between the first record wanted and the limit."""

    def __init__(self, first: int, limit: int, *, is_json: bool) -> None:
        self._first = first
        self._left = limit
        self._is_json = is_json

    @property
    def is_full(self) -> bool:
        """Whether all that is wanted has been shown."""
        return self._left <= 0

    def show(self, reading: SegmentReading) -> None:
        """Prints a segment, unless all of it comes before what is wanted."""
        last = reading.frames[-1][1].last_sequence_number if reading.frames else 0
        if reading.frames and last < self._first and reading.damage is None:
            return
        header = {} if reading.header is None else printable(_fields(reading.header))
        self._print("segment", f"segment {reading.name}", {"name": reading.name, **header})
        for offset, frame in reading.frames:
            if frame.last_sequence_number < self._first:
                continue
            fields = {
                "offset": offset,
                "size_bytes": frame.size_bytes,
                "first_sequence_number": frame.first_sequence_number,
                "record_count": len(frame.entries),
                "synced_sequence_number": frame.synced_sequence_number,
            }
            self._print("frame", "  frame", fields)
            for entry in frame.entries:
                if entry.sequence_number >= self._first:
                    self._record(entry)
                if self.is_full:
                    return
        if reading.tail_size_bytes and reading.damage is None:
            self._print("tail", "  tail", {"size_bytes": reading.tail_size_bytes})
        if reading.damage is not None:
            self._print("damage", "  DAMAGE", {"detail": str(reading.damage)})

    def _record(self, entry: LogEntry) -> None:
        self._left -= 1
        try:
            command = decode_command(entry.payload)
            name, fields = type(command).__name__, printable(command)
        except (MalformedCommandError, UnknownFormatError) as error:
            name, fields = "(not a command)", {"detail": str(error)}
        time = time_of(entry.hlc)
        if self._is_json:
            whole = {"sequence_number": entry.sequence_number, "hlc": entry.hlc, "time": time}
            self._print("record", "", {**whole, "command": name, "fields": fields})
        else:
            typer.echo(f"    {entry.sequence_number}  {time}  {name}  {one_line(fields)}")

    def _print(self, kind: str, title: str, fields: dict[str, Any]) -> None:
        if self._is_json:
            typer.echo(one_line({"kind": kind, **fields}))
            return
        words = (f"{name} {value}" for name, value in fields.items() if name != "name")
        typer.echo(f"{title}  {', '.join(words)}")


def _fields(header: Any) -> dict[str, Any]:
    return {name: getattr(header, name) for name in header.__slots__}
