"""The files of a report: all of them, or none.

They are written into a folder beside the one that was asked for, which then takes its place. So a
run that is interrupted leaves the report of the run before, never half of its own.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from rucket_platform.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MARK = ".rucket-report"


def check_folder(folder: Path) -> None:
    """See, before a long run, that its report can be written.

    Raises:
        ReportError: `folder` is something else than a report, or can't be written.
    """
    if folder.exists():
        if not folder.is_dir():
            raise ReportError(f"{folder} is a file; give a folder for the report")
        if any(folder.iterdir()) and not (folder / _MARK).exists():
            raise ReportError(f"{folder} holds other files than a report; give another folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        probe = folder.with_name(folder.name + ".new")
        shutil.rmtree(probe, ignore_errors=True)
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise ReportError(f"a report can't be written to {folder}: {error}") from error


def write_folder(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Put `files` into `folder`, in place of the report that was there.

    Raises:
        ReportError: There was no room or no right to; the report that was there still is.
    """
    check_folder(folder)
    new = folder.with_name(folder.name + ".new")
    old = folder.with_name(folder.name + ".old")
    try:
        new.mkdir()
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            (new / name).write_bytes(data)
        (new / _MARK).touch()
        shutil.rmtree(old, ignore_errors=True)
        with suppress(FileNotFoundError):
            folder.rename(old)
        new.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise ReportError(f"the report can't be written to {folder}: {error}") from error
