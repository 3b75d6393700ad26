"""The files of a report: all of them, or none.

They are written into a hidden folder beside the one that was asked for, which then takes its place.
So a run that is interrupted leaves the report of the run before, never half of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rucket_platform.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MARK = ".rucket-report"
_ROOM_BYTES_MIN = 32 * 1024 * 1024
"""A report is 5 to 15 MiB: Plotly's code, and every request's latency."""


def check_folder(folder: Path) -> None:
    """See, before a long run, that its report can be written.

    Raises:
        ReportError: `folder` is something else than a report, can't be written, or has no room.
    """
    _check_place(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _workplace(folder):
            room_bytes = shutil.disk_usage(folder.parent).free
    except OSError as error:
        raise ReportError(f"a report can't be written to {folder}: {error}") from error
    if room_bytes < _ROOM_BYTES_MIN:
        raise ReportError(
            f"a report can't be written to {folder}: its disk has {room_bytes >> 20} MiB left, "
            f"{_ROOM_BYTES_MIN >> 20} MiB are wanted; make room, or give another folder"
        )


def write_folder(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Put `files` into `folder`, in place of the report that was there.

    Raises:
        ReportError: There was no room or no right to; the report that was there still is.
    """
    _check_place(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _workplace(folder) as workplace:
            new, old = workplace / "new", workplace / "old"
            new.mkdir()
            for name, content in files.items():
                data = content.encode() if isinstance(content, str) else content
                (new / name).write_bytes(data)
            (new / _MARK).touch()
            with suppress(FileNotFoundError):
                folder.rename(old)
            try:
                new.rename(folder)
            finally:
                if old.exists() and not folder.exists():
                    old.rename(folder)
    except OSError as error:
        raise ReportError(f"the report can't be written to {folder}: {error}") from error


def _check_place(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ReportError(f"{folder} is a file; give a folder for the report")
    if any(folder.iterdir()) and not (folder / _MARK).exists():
        raise ReportError(f"{folder} holds other files than a report; give another folder")


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """A folder beside the report's, which goes whatever happens."""
    place = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
