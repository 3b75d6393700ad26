"""The files of a report."""

from pathlib import Path

import pytest

from rucket_platform.errors import ReportError
from rucket_platform.faults.disks import can_mount, small_disk
from rucket_platform.reports.folder import check_folder, write_folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_a_report_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """Files of the earlier run don't stay among those of the later one."""
    folder = tmp_path / "deep" / "report"
    write_folder(folder, {"index.html": "one", "old.json": "{}"})
    write_folder(folder, {"index.html": b"two"})
    assert names(folder) == {"index.html"}
    assert (folder / "index.html").read_text() == "two"
    assert names(folder.parent) == {"report"}


def test_a_report_that_can_t_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    """A name that no file can have fails half-way."""
    folder = tmp_path / "report"
    write_folder(folder, {"index.html": "one"})
    with pytest.raises(ReportError):
        write_folder(folder, {"index.html": "two", "x" * 300: ""})
    assert (folder / "index.html").read_text() == "one"
    assert names(tmp_path) == {"report"}


def test_a_folder_with_somebody_s_files_is_left_alone(tmp_path: Path) -> None:
    """A mistyped --report must not cost a person's files."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ReportError, match="holds other files"):
        write_folder(tmp_path, {"index.html": "one"})
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_it_is_known_before_a_run_that_its_report_has_no_place(tmp_path: Path) -> None:
    """A file in the way is found at once, below it as well."""
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "file", tmp_path / "file" / "report"):
        with pytest.raises(ReportError):
            check_folder(wrong)


@pytest.mark.skipif(not can_mount(), reason="needs the right to mount")
def test_a_full_disk_is_known_before_a_run_and_leaves_the_report_of_before() -> None:
    """A run of an hour must not end in a report that can't be written; and if the room went
    meanwhile, nothing half-written is left.
    """
    with small_disk(4 * 1024 * 1024) as disk:
        folder = disk.directory / "report"
        write_folder(folder, {"index.html": "one"})
        with pytest.raises(ReportError, match="3 MiB left"):
            check_folder(folder)
        with pytest.raises(ReportError, match="No space left"):
            write_folder(folder, {"index.html": "x" * 5 * 1024 * 1024})
        assert (folder / "index.html").read_text() == "one"
        assert names(disk.directory) == {"report"}
