"""What a crash may leave of an image.

After a power cut each sector has any of the contents it had since its file was last synced, the
size is any of those the file had, each change of a name that was not synced is kept or lost with
what depends on it, and the index shows any commit since its last sync. There are too many mixtures
to try them all; `after_power_cut` gives

- for the files: all lost, all kept, nothing but the sizes kept, everything but the sizes kept, each
  single sector lost, each single sector kept, one file kept or lost against all others;
- for the names: every mixture that their dependencies allow (where there are many: all, none, and
  each single one lost or kept);
- for the index: the oldest and the newest commit, and each in between;
- and seeded mixtures of all of them, with sectors torn in the middle and writes reordered.

Files are combined with names in full where that is little, and with the two extremes elsewhere.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.simulator.file_contents import FileContents, _cut
from tests.storage.images import FileImage, Image, Pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.storage.images import NameChange, Tables

_EXHAUSTIVE_NAME_CHANGES_MAX = 5
_FULL_PRODUCT_MAX = 64
_EXTREMES = ("lost", "kept")
_ZEROS = bytes(4096)
_NAME_KEEP_PROBABILITIES = (0.0, 0.3, 0.7, 1.0)

KILLED = "killed"
Contents = tuple[Pages, int]


@dataclass(frozen=True, slots=True)
class Thoroughness:
    """How many states of a cut are tried.

    Attributes:
        sector_size_bytes: what is written or not as a whole, for single sectors.
        single_sectors: whether each of them is lost, and kept, alone.
        mixture_count: how many seeded mixtures.
        index_count: with how many commits of the index each single sector and name is combined;
            what is lost or kept as a whole is combined with all of them.
        every_commit: whether those between the oldest and the newest are tried.
    """

    sector_size_bytes: int = 512
    single_sectors: bool = True
    mixture_count: int = 3
    index_count: int = 1
    every_commit: bool = True


@dataclass(frozen=True, slots=True)
class Survivor:
    """A state that a crash may leave, and what it is called."""

    label: str
    image: Image


@dataclass(frozen=True, slots=True)
class _Sector:
    number: int
    offset: int
    contents: tuple[bytes, ...]


class _UnsyncedFile:
    """The choices that a file with unsynced writes leaves."""

    def __init__(self, image: FileImage, sector_size_bytes: int) -> None:
        self.image = image
        self.sector_size_bytes = sector_size_bytes
        self.contents = FileContents()
        self.contents.size_bytes = image.size_bytes
        self.contents._durable_pages = image.durable_pages
        self.contents._durable_size_bytes = image.durable_size_bytes
        self.contents._unsynced = list(image.writes)
        histories = self.contents._sector_histories(sector_size_bytes)
        self.sectors = [
            _Sector(number, number * sector_size_bytes, tuple(history))
            for number, history in histories.items()
            if any(content != history[0] for content in history)
        ]
        self.size_bytes = max(
            [image.durable_size_bytes, *(write.size_bytes_after for write in image.writes)]
        )

    def lost(self) -> Contents:
        return self.image.durable_pages, self.image.durable_size_bytes

    def kept(self) -> Contents:
        return self.with_sectors(self.sectors)

    def with_sectors(self, kept: list[_Sector], size_bytes: int | None = None) -> Contents:
        pages = dict(self.image.durable_pages)
        for sector in kept:
            page, start = divmod(sector.offset, len(_ZEROS))
            old = pages.get(page, _ZEROS)
            end = start + self.sector_size_bytes
            pages[page] = old[:start] + sector.contents[-1] + old[end:]
        size_bytes = self.size_bytes if size_bytes is None else size_bytes
        return _cut(pages, size_bytes), size_bytes

    def mixed(self, source: random.Random) -> Contents:
        return self.contents._after_power_cut(source)


def after_power_cut(image: Image, thoroughness: Thoroughness, seed: object) -> Iterator[Survivor]:
    """States that a power cut may leave of `image`, without repetitions."""
    sector_size_bytes = thoroughness.sector_size_bytes
    unsynced = {
        number: _UnsyncedFile(file, sector_size_bytes)
        for number, file in image.files.items()
        if file.writes
    }
    settled = {
        number: (file.durable_pages, file.durable_size_bytes)
        for number, file in image.files.items()
        if not file.writes
    }
    files = list(_file_choices(unsynced, single_sectors=thoroughness.single_sectors))
    names = list(_name_choices(image))
    versions = _index_choices(image, thoroughness)
    for (file_label, files_left), (name_label, names_left) in _products(files, names):
        is_extreme = file_label in _EXTREMES and name_label in _EXTREMES
        for index_label, tables in versions if is_extreme else versions[: thoroughness.index_count]:
            label = f"files {file_label}, names {name_label}, index {index_label}"
            yield Survivor(label, _settled(image, names_left, {**settled, **files_left}, tables))
    if not unsynced and not image.name_changes and len(versions) == 1:
        return
    for number in range(thoroughness.mixture_count):
        source = random.Random(f"{seed}/{number}")
        mixed = {inode: file.mixed(source) for inode, file in unsynced.items()}
        names_left = _mixed_names(image, source)
        tables = source.choice(image.index_versions)
        yield Survivor(
            f"mixture {seed}/{number}", _settled(image, names_left, {**settled, **mixed}, tables)
        )


def _index_choices(image: Image, thoroughness: Thoroughness) -> list[tuple[str, Tables]]:
    """The oldest commit, the newest, and those in between."""
    *between, newest = [
        (f"commit {place}", tables) for place, tables in enumerate(image.index_versions)
    ]
    choices = [*between[:1], newest, *between[1:]]
    return choices if thoroughness.every_commit else choices[:2]


def _products(
    files: list[tuple[str, dict[int, Contents]]], names: list[tuple[str, dict[str, int]]]
) -> Iterator[tuple[tuple[str, dict[int, Contents]], tuple[str, dict[str, int]]]]:
    if len(files) * len(names) <= _FULL_PRODUCT_MAX:
        yield from itertools.product(files, names)
        return
    yield from itertools.product(files, (names[0], names[-1]))
    yield from itertools.product((files[0], files[-1]), names[1:-1])


def _file_choices(
    unsynced: dict[int, _UnsyncedFile], *, single_sectors: bool
) -> Iterator[tuple[str, dict[int, Contents]]]:
    lost = {number: file.lost() for number, file in unsynced.items()}
    kept = {number: file.kept() for number, file in unsynced.items()}
    yield "lost", lost
    if not unsynced:
        return
    for number, file in unsynced.items():
        if len(unsynced) > 1:
            yield f"lost but #{number}", {**lost, number: kept[number]}
            yield f"kept but #{number}", {**kept, number: lost[number]}
        if file.size_bytes != file.image.durable_size_bytes:
            yield f"kept, #{number} zeros", {**kept, number: file.with_sectors([])}
            short = file.with_sectors(file.sectors, file.image.durable_size_bytes)
            yield f"kept, #{number} with its old size", {**kept, number: short}
        if not single_sectors or len(file.sectors) < 2:
            continue
        for sector in file.sectors:
            others = [other for other in file.sectors if other is not sector]
            yield (
                f"kept but #{number} sector {sector.number}",
                {**kept, number: file.with_sectors(others)},
            )
            yield (
                f"kept, #{number} only sector {sector.number}",
                {**kept, number: file.with_sectors([sector])},
            )
    yield "kept", kept


def _name_choices(image: Image) -> Iterator[tuple[str, dict[str, int]]]:
    changes = image.name_changes
    count = len(changes)
    yield "lost", image.durable_names
    if not count:
        return
    if count <= _EXHAUSTIVE_NAME_CHANGES_MAX:
        wanted = itertools.product((False, True), repeat=count)
        choices = [choice for choice in wanted if any(choice) and not all(choice)]
    else:
        singles = range(count)
        choices = [tuple(place == single for place in range(count)) for single in singles]
        choices += [tuple(place != single for place in range(count)) for single in singles]
    for choice in choices:
        if _is_possible(changes, choice):
            bits = "".join("01"[kept] for kept in choice)
            yield f"kept {bits}", _names_after(image, choice)
    yield "kept", image.names


def _is_possible(changes: tuple[NameChange, ...], choice: tuple[bool, ...]) -> bool:
    """Whether no kept change depends on a lost one."""
    lost: set[str] = set()
    for change, kept in zip(changes, choice, strict=True):
        if not kept:
            lost.update(path for path, _ in change)
        elif any(path in lost for path, _ in change):
            return False
    return True


def _names_after(image: Image, choice: tuple[bool, ...]) -> dict[str, int]:
    names = dict(image.durable_names)
    for change, kept in zip(image.name_changes, choice, strict=True):
        for path, number in change if kept else ():
            if number is None:
                names.pop(path, None)
            else:
                names[path] = number
    return names


def _mixed_names(image: Image, source: random.Random) -> dict[str, int]:
    keep = source.choice(_NAME_KEEP_PROBABILITIES)
    choice: list[bool] = []
    for place in range(len(image.name_changes)):
        wanted = (*choice, source.random() < keep)
        is_possible = _is_possible(image.name_changes[: place + 1], wanted)
        choice.append(wanted[-1] and is_possible)
    return _names_after(image, tuple(choice))


def _settled(
    image: Image, names: dict[str, int], contents: dict[int, Contents], tables: Tables
) -> Image:
    """All of it durable."""
    files = {
        number: FileImage(pages, size_bytes, pages, size_bytes)
        for number in set(names.values())
        for pages, size_bytes in (contents[number],)
    }
    return Image(image.directories, names, names, (), files, (tables,))


def after_kill(image: Image) -> Survivor:
    """The state that ``kill -9`` of all processes leaves: all of it, durable or not."""
    return Survivor(KILLED, image)


def after_failed_sync(image: Image, number: int) -> Iterator[Survivor]:
    """States that a refused sync of the file `number`, and a restart of the node, leave: the
    kernel takes its pages for clean, and shows them, though the device has only some of them.
    """
    if number not in image.files:
        return
    file = _UnsyncedFile(image.files[number], 512)
    for label, (pages, size_bytes) in (("nothing", file.lost()), ("all", file.kept())):
        left = FileImage(file.image.pages, file.image.size_bytes, pages, size_bytes)
        yield Survivor(
            f"a sync of #{number} failed and wrote {label}",
            replace(image, files={**image.files, number: left}),
        )


def fingerprint(image: Image) -> int:
    """Stands for all that an image holds."""
    files = frozenset(
        (path, _file_fingerprint(image.files[number])) for path, number in image.names.items()
    )
    durable = frozenset(image.durable_names.items())
    versions = tuple(
        frozenset((table, frozenset(rows.items())) for table, rows in tables.items())
        for tables in image.index_versions
    )
    changes = image.name_changes if durable != frozenset(image.names.items()) else ()
    return hash((files, versions, durable if changes else (), changes))


def _file_fingerprint(file: FileImage) -> int:
    pages = frozenset(file.pages.items())
    is_settled = file.pages is file.durable_pages
    durable = None if is_settled else frozenset(file.durable_pages.items())
    return hash((pages, file.size_bytes, durable, file.durable_size_bytes, file.writes))
