"""What is recorded of a node's container."""

import json
import stat
from pathlib import Path

import pytest

from rucket_platform.errors import SubstrateError
from rucket_platform.substrates.container_files import ContainerFiles, ContainerRecord

STARTED = ContainerRecord("c0ffee", "rucket:latest", "sha256:1234", "127.0.0.1", "abcd")


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(STARTED, id="started"),
        pytest.param(
            ContainerRecord(None, "rucket:latest", None, "::1", "abcd"), id="about-to-be-started"
        ),
    ],
)
def test_a_record_comes_back_as_it_was_written(tmp_path: Path, record: ContainerRecord) -> None:
    """Also the one of a container that isn't there yet; it is private."""
    files = ContainerFiles(tmp_path)

    files.write_record(record)

    assert files.read_record() == record
    assert stat.S_IMODE(files.record.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", [None, "", '{"format_version": 1, "cont'])
def test_a_record_that_is_missing_or_cut_off_is_none(tmp_path: Path, text: str | None) -> None:
    """What is not recorded is found by its name."""
    files = ContainerFiles(tmp_path)
    if text is not None:
        files.record.write_text(text)

    assert files.read_record() is None


def test_a_record_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """It is never guessed what it says."""
    files = ContainerFiles(tmp_path)
    files.write_record(STARTED)
    files.record.write_text(
        json.dumps(json.loads(files.record.read_text()) | {"format_version": 2})
    )

    with pytest.raises(SubstrateError, match="use the version that wrote it"):
        files.read_record()


def test_nodes_of_the_same_name_have_containers_of_their_own() -> None:
    """The whole directory names it, so that two stacks don't take each other's containers."""
    names = {
        ContainerFiles(Path(stack) / "eu" / "eu-1").container_name for stack in ("/a", "/b", "/a")
    }

    assert len(names) == 2
    assert all(name.startswith("rucket-eu-eu-1-") for name in names)
