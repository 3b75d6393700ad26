"""Power cuts while a small document is replaced: the cursors of the log's consumers and of the
scrubber, and the register of master keys. What is left is the old one or the new one, and what a
call has returned from stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from rucket.daemon.key_register import KeyRegister
from rucket.model.errors import CorruptionError
from rucket.model.scrub_cursor import ScrubCursor, ScrubStage
from rucket.store.log_cursors import LogCursors
from rucket.store.scrub_cursor_file import ScrubCursorFile
from tests.storage.images import Camera, Image, blank_image, restore
from tests.storage.power_cuts import LostError
from tests.storage.survivors import Thoroughness, after_power_cut
from tests.storage.sync_sites import Site, SyncWatcher, sites_in_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.ports.disk import Disk

    Wrap = Callable[[Disk], Disk]
    Work = Callable[[Disk], object]

_THOROUGHNESS = Thoroughness(mixture_count=3)
_OLD_KEY, _NEW_KEY = b"\1" * 8, b"\2" * 8


def _scrub_cursor(error_count: int) -> ScrubCursor:
    return ScrubCursor(1, ScrubStage.ROWS, 2, b"position", 3, error_count, 4)


def _listed(disk: Disk) -> object:
    return [key.id for key in KeyRegister(disk, "/data/keys/encryption.json").read()]


@dataclass(frozen=True, slots=True)
class Subject:
    """A document.

    Attributes:
        first, second: write it, and write over it.
        read: what it says.
    """

    first: Work
    second: Work
    read: Work


SUBJECTS = {
    "log cursor": Subject(
        lambda disk: LogCursors(disk, "/data/cursors").save("events", 10),
        lambda disk: LogCursors(disk, "/data/cursors").save("events", 20),
        lambda disk: LogCursors(disk, "/data/cursors").load("events"),
    ),
    "removed log cursor": Subject(
        lambda disk: LogCursors(disk, "/data/cursors").save("events", 10),
        lambda disk: LogCursors(disk, "/data/cursors").remove("events"),
        lambda disk: LogCursors(disk, "/data/cursors").load("events"),
    ),
    "scrub cursor": Subject(
        lambda disk: ScrubCursorFile(disk, "/data/state/scrub.json").save(_scrub_cursor(1)),
        lambda disk: ScrubCursorFile(disk, "/data/state/scrub.json").save(_scrub_cursor(2)),
        lambda disk: ScrubCursorFile(disk, "/data/state/scrub.json").load(),
    ),
    "listed key": Subject(
        lambda disk: KeyRegister(disk, "/data/keys/encryption.json").add(_OLD_KEY, 1),
        lambda disk: KeyRegister(disk, "/data/keys/encryption.json").add(_NEW_KEY, 2),
        _listed,
    ),
    "removed key": Subject(
        lambda disk: KeyRegister(disk, "/data/keys/encryption.json").add(_OLD_KEY, 1),
        lambda disk: KeyRegister(disk, "/data/keys/encryption.json").remove([_OLD_KEY]),
        _listed,
    ),
}
SITES = sites_in_source(
    "store/small_documents.py",
    "store/log_cursors.py",
    "store/scrub_cursor_file.py",
    "daemon/key_register.py",
)


def _same(disk: Disk) -> Disk:
    return disk


def _moments(image: Image, seed: str, work: Work, wrap: Wrap = _same) -> list[Image]:
    """What the disk holds before every operation, and at the end."""
    machine, index_file = restore(image, seed)
    camera = Camera(machine, index_file)
    images: list[Image] = []
    disk = machine.device.attach(machine.start("process"))
    machine.device.crash_point = lambda _: images.append(camera.take())
    work(wrap(disk))
    images.append(camera.take())
    return images


def _read(subject: Subject, image: Image) -> object:
    machine, _ = restore(image, "look")
    return subject.read(machine.device.attach(machine.start("look")))


def _cut_everywhere(subject: Subject, wrap: Wrap) -> int:
    """Cuts each of the two writes, and a write after one that was killed; counts the states."""
    count = 0
    blank = blank_image(("/", "/data"))
    first = _moments(blank, "first", subject.first, wrap)
    nothing, old = _read(subject, blank), _read(subject, first[-1])
    second = _moments(first[-1], "second", subject.second, wrap)
    new = _read(subject, second[-1])
    for images, before, after in ((first, nothing, old), (second, old, new)):
        for number, image in enumerate(images):
            allowed = [after] if image is images[-1] else [before, after]
            for survivor in after_power_cut(image, _THOROUGHNESS, number):
                count += 1
                if _read(subject, survivor.image) not in allowed:
                    raise LostError(f"moment {number}, {survivor.label}")
    for number, killed in enumerate(second):
        end = _moments(killed, f"again {number}", subject.second, wrap)[-1]
        for survivor in after_power_cut(end, _THOROUGHNESS, number):
            count += 1
            if _read(subject, survivor.image) != new:
                raise LostError(f"killed at {number}, {survivor.label}")
    return count


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS.keys())
def test_a_document_is_the_old_one_or_the_new_one_whatever_is_cut(subject: Subject) -> None:
    """And one that was written stays, also where a process before was killed while it wrote."""
    assert _cut_everywhere(subject, _same) > 20


@pytest.mark.parametrize("site", SITES, ids=map(str, SITES))
def test_each_sync_of_a_document_is_needed(site: Site) -> None:
    """One that is left out is caught, in one of them."""

    def decide(called: Site, call: Callable[[], None]) -> None:
        if called != site:
            call()

    with pytest.raises((LostError, CorruptionError)):
        for subject in SUBJECTS.values():
            _cut_everywhere(subject, lambda disk: SyncWatcher(disk, decide))
