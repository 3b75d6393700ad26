"""Versions against the writes that made them."""

from collections.abc import Callable

import pytest

from rucket_platform.histories.versions import (
    VersionRead,
    Versions,
    VersionWrite,
    version_problems,
)


def write(number: int) -> VersionWrite:
    """One a second, for nearly as long."""
    return VersionWrite("k", f"v{number}", f"w{number}", number, number + 0.8)


def read(number: int, at_s: float, *, was_named: bool = False) -> VersionRead:
    return VersionRead("r", "k", f"v{number}", f"w{number}", at_s, at_s + 0.1, was_named)


def good() -> Versions:
    """Four writes, the newest read after each, all listed, an unacknowledged one among them."""
    return Versions(
        [write(number) for number in range(4)],
        [read(number, number + 0.85) for number in range(4)] + [read(0, 3.5, was_named=True)],
        {"k": ["v3", "open", "v2", "v1", "v0"]},
    )


def test_versions_that_are_as_written_have_no_problem() -> None:
    """Old ones may be read by their ids at any time."""
    assert version_problems(good()) == []


def test_writes_that_overlap_may_be_listed_in_either_order() -> None:
    """Nobody can tell which was first."""
    pair = [VersionWrite("k", "a", "one", 0, 2), VersionWrite("k", "b", "two", 1, 3)]
    for order in (["a", "b"], ["b", "a"]):
        assert version_problems(Versions(pair, [], {"k": order})) == []


def no_id(versions: Versions) -> None:
    versions.writes.append(VersionWrite("k", "", "w9", 9, 9.5))


def lost(versions: Versions) -> None:
    versions.listed["k"].remove("v1")


def lost_with_its_key(versions: Versions) -> None:
    versions.listed.clear()


def twice(versions: Versions) -> None:
    versions.listed["k"].append("v0")


def shows_another(versions: Versions) -> None:
    versions.reads.append(VersionRead("r", "k", "v1", "w2", 5, 6, was_named=True))


def changes(versions: Versions) -> None:
    versions.reads += [
        VersionRead("r", "k", "open", write_id, 5, 6, was_named=True) for write_id in ("a", "b")
    ]


def is_gone(versions: Versions) -> None:
    versions.reads.append(VersionRead("r", "k", "v1", None, 5, 6, was_named=True))


def is_listed_as_newer(versions: Versions) -> None:
    versions.listed["k"] = ["v2", "v3", "v1", "v0"]


def is_listed_first_of_all(versions: Versions) -> None:
    versions.listed["k"] = ["v0", "v3", "v2", "v1"]


def goes_back(versions: Versions) -> None:
    versions.reads.append(read(2, 9))


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (no_id, "no version id"),
        (lost, "v1 of k (w1) was acknowledged, but isn't listed"),
        (lost_with_its_key, "isn't listed"),
        (twice, "twice"),
        (shows_another, "reads w2 in version v1 of k, which is of w1"),
        (changes, "reads b in version open of k, which is of a"),
        (is_gone, "finds no version v1"),
        (is_listed_as_newer, "lists w2 as newer than w3"),
        (is_listed_first_of_all, "lists w0 as newer than w3"),
        (goes_back, "2 older"),
    ],
)
def test_what_is_wrong_is_told(plant: Callable[[Versions], None], words: str) -> None:
    """One planted wrong each."""
    versions = good()
    plant(versions)
    assert any(words in problem for problem in version_problems(versions))
