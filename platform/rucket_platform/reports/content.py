"""What a report says, as values. Numbers stay numbers: how they look is `page`'s matter."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Cell: TypeAlias = str | int | float | None
"""A value in a table; None for "not measured"."""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with values, such as a machine's description."""

    pairs: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column names.

    Attributes:
        failed_rows: The positions of those that a reader should see first.
        is_long: Whether it is folded until somebody opens it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    failed_rows: frozenset[int] = frozenset()
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class Log:
    """Text as a program wrote it, folded until somebody opens it."""

    title: str
    text: str


class Drawing(StrEnum):
    """How a series is drawn."""

    LINE = "line"
    STEPS = "steps"
    POINTS = "points"
    BARS = "bars"


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one kind; `y` is None where nothing was measured."""

    name: str
    x: tuple[float | str, ...]
    y: tuple[float | None, ...]
    drawing: Drawing = Drawing.LINE


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of the x axis with a name, such as a fault; `end` equal to `start` is a line."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Series over one x axis.

    Attributes:
        is_y_logarithmic: For latencies, whose tail is what matters.
        is_x_logarithmic: For their distribution.
        height_px: On every screen; the width is the screen's.
    """

    title: str
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    bands: tuple[Band, ...] = ()
    is_y_logarithmic: bool = False
    is_x_logarithmic: bool = False
    height_px: int = 320


Block: TypeAlias = Text | Facts | Table | Log | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What it comes to, in a sentence that begins the report."""

    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Report:
    """One run of one kit.

    Attributes:
        about: What was judged, when, on what.
    """

    title: str
    verdict: Verdict
    about: Facts
    sections: tuple[Section, ...]


class Outcome(StrEnum):
    """What became of a case."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that was judged, for machines (JUnit).

    Attributes:
        message: Why it isn't passed, in a line.
        detail: All that helps to find the cause.
    """

    suite: str
    name: str
    outcome: Outcome
    duration_s: float
    message: str = ""
    detail: str = ""
