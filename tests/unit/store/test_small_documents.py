"""Small documents: what is written comes back, and nothing else is taken for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, DeviceError, UnknownFormatError
from rucket.store.small_documents import DocumentFormat, read_small_file, replace_small_file
from tests.simulator.breakable_disk import BreakableDisk, Fault

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = DocumentFormat(3, "content")
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def _same(content: Any) -> Any:
    return content


@given(_JSON)
def test_content_comes_back(content: object) -> None:
    """Whatever JSON knows."""
    assert _FORMAT.decode(_FORMAT.encode(content), "name", _same) == content


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_changes_nothing_or_is_found(place: int, flip: int) -> None:
    """White space may change; the content may not."""
    text = bytearray(_FORMAT.encode({"a": 1, "b": ["c", "d"]}))
    text[place % len(text)] ^= flip

    try:
        content = _FORMAT.decode(bytes(text), "name", _same)
    except (CorruptionError, UnknownFormatError):
        return

    assert content == {"a": 1, "b": ["c", "d"]}


def test_another_version_is_refused() -> None:
    """It isn't guessed."""
    document = json.loads(_FORMAT.encode(1)) | {"format_version": 4}

    with pytest.raises(UnknownFormatError):
        _FORMAT.decode(json.dumps(document).encode(), "name", _same)


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{}", b"\xff", b"[" * 100_000],
    ids=["empty", "list", "nothing", "bytes", "deep"],
)
def test_what_is_no_document_is_refused(text: bytes) -> None:
    """By name."""
    with pytest.raises(CorruptionError, match="name"):
        _FORMAT.decode(text, "name", _same)


def test_content_that_is_not_known_is_refused() -> None:
    """As damage: its check fits, and it makes no sense."""
    with pytest.raises(CorruptionError, match="name"):
        _FORMAT.decode(_FORMAT.encode({"a": 1}), "name", lambda content: content["b"])


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Also where a replacement before was broken off."""
    path = str(tmp_path / "file")
    replace_small_file(OsDisk(), path, b"old")
    (tmp_path / "file.new").write_bytes(b"half")

    replace_small_file(OsDisk(), path, b"new")

    assert read_small_file(OsDisk(), path) == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_what_was_there_stays_when_it_cannot_be_replaced(tmp_path: Path) -> None:
    """And the error says so."""
    path = str(tmp_path / "file")
    replace_small_file(OsDisk(), path, b"old")
    disk = BreakableDisk(OsDisk())
    disk.faults[str(tmp_path)] = Fault.SYNCS_FAIL

    with pytest.raises(DeviceError):
        replace_small_file(disk, path, b"new")

    assert read_small_file(OsDisk(), path) == b"old"
