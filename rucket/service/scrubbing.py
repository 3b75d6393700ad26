"""The scrubber: reads everything that is stored, and says what is damaged.

::

    ROWS, table by table ──> BLOBS, by id ──> RESTING until the cycle's time is over ──> ROWS …

A cycle begins with the index's own structure, whose damage may hide rows. Every row has to have a
good check, a value that decodes, and neighbours that fit: what an object
names is referenced, counters count what is there. Every referenced blob has to be there, with every
block as it was written. A step does a bounded piece of that off the loop, with a snapshot only
while it reads rows; what it returns is how long to wait before the next one, which is the rate
limit. A cursor makes a cycle go on after a restart.

A blob that can't be read may have been deleted meanwhile: what a fresh snapshot doesn't know any
more is no finding. One that is damaged, twice in a row, is moved into quarantine: on one node there
is no other copy to repair it from.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from rucket.model.errors import CorruptionError, DeviceError, StorageFullError
from rucket.model.scrub_cursor import ScrubCursor, ScrubStage
from rucket.ports.index import Table
from rucket.service.blob_scrubbing import scrub_blobs
from rucket.service.blob_users import find_blob_users
from rucket.service.row_scrubbing import scrub_rows
from rucket.service.scrub_findings import Finding, FindingKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.model.names import BlobId
    from rucket.ports.blobs import Blobs
    from rucket.ports.clock import Clock
    from rucket.ports.index import IndexReader
    from rucket.ports.tasks import Tasks
    from rucket.service.blob_users import BlobUser
    from rucket.service.scrub_findings import Portion

QUARANTINE_REPORT_FORMAT_VERSION: Final = 1
SEARCHES_PER_CYCLE_MAX: Final = 100
"""How often a cycle looks up who names damaged blobs: each time takes as long as there are rows."""

_SAVE_INTERVAL_S: Final = 30.0
_REST_S_MAX: Final = 60.0
_MS_PER_S: Final = 1000
_ROWS_SHARE: Final = 0.2
_BLOB_PREFIX_SIZE_BYTES: Final = 4
_KINDS: Final = (b"\xb1", b"\xb2")  # what ids begin with that say where a blob is
_RANDOM_FROM_BYTE: Final = 2
_ADVICE: Final = (
    "This node has no other copy: upload the object again, or restore it from a backup. Blocks of "
    "the file whose checks fit are still good: rucket inspect blob FILE shows which. Renamed back "
    "to where it was, they can be read by range."
)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScrubPace:
    """How fast to go.

    Attributes:
        cycle_s: a cycle begins so long after the one before.
        bytes_per_s_max: what is read; rows and files count for some bytes, too.
    """

    cycle_s: float
    bytes_per_s_max: int


class ScrubObserver(Protocol):
    """Is told how the scrubber does."""

    def verified(self, row_count: int, blob_count: int, size_bytes: int) -> None:
        """Rows, whole blobs, and bytes of blobs have been verified."""
        ...

    def found(self, kind: str) -> None:
        """Something is damaged."""
        ...

    def progressed(self, ratio: float, last_completed_ms: int) -> None:
        """So much of the cycle is done; the last one ended then (0: none has)."""
        ...


class CursorKeeper(Protocol):
    """Keeps the cursor across restarts. All calls block."""

    def load(self) -> ScrubCursor | None:
        """The cursor that was saved last; None if none was."""
        ...

    def save(self, cursor: ScrubCursor) -> None:
        """Keeps it."""
        ...


class Quarantine(Protocol):
    """Where damaged blobs go. All calls block."""

    def holds(self, blob_id: BlobId) -> bool:
        """Whether a blob is there."""
        ...

    def isolate(self, blob_id: BlobId, report: bytes) -> str:
        """Moves a blob there, with `report` beside it, and says where.

        Raises:
            FileNotFoundError: there is no such blob any more.
        """
        ...


@dataclass(frozen=True, slots=True)
class ScrubPorts:
    """What a scrubber stands on.

    Attributes:
        index: its alone: it is used off the loop.
        index_problems: what is wrong with the index below its rows, which may hide rows. Blocks.
    """

    index: IndexReader
    index_problems: Callable[[], list[str]]
    blobs: Blobs
    tasks: Tasks
    clock: Clock
    cursors: CursorKeeper
    quarantine: Quarantine
    observer: ScrubObserver


class Scrubber:
    """Verifies everything, again and again, step by step."""

    def __init__(self, ports: ScrubPorts, pace: ScrubPace) -> None:
        self._ports = ports
        self._pace = pace
        self._cursor: ScrubCursor | None = None
        self._saved_at_s = 0.0
        self._search_count = 0

    async def step(self) -> float:
        """Does a piece of the cycle.

        Returns:
            How many seconds to wait before the next one.

        Raises:
            OperatingError: something isn't as it should be now; the step can be tried again.
        """
        tasks = self._ports.tasks
        if self._cursor is None:
            self._cursor = await tasks.run_blocking(self._load)
        cursor = self._cursor
        if cursor.stage is ScrubStage.RESTING:
            rest_s = self._rest_s(cursor)
            if rest_s > 0:
                self._tell_progress(cursor)
                return min(rest_s, _REST_S_MAX)
            cursor = self._new_cycle(cursor.last_completed_ms)
        portion = await tasks.run_blocking(self._work, cursor)
        self._ports.observer.verified(portion.row_count, portion.blob_count, portion.size_bytes)
        if portion.findings:
            await self._report(portion.findings)
        await self._move_on(cursor, portion)
        return portion.cost_bytes / self._pace.bytes_per_s_max

    def _work(self, cursor: ScrubCursor) -> Portion:
        index, blobs = self._ports.index, self._ports.blobs
        if cursor.stage is ScrubStage.BLOBS:
            return scrub_blobs(index, blobs, cursor)
        portion = scrub_rows(index, blobs, cursor)
        if cursor.table == min(Table) and not cursor.position:
            portion.findings += [
                Finding(FindingKind.INDEX, "its pages", problem)
                for problem in self._ports.index_problems()
            ]
        return portion

    def _load(self) -> ScrubCursor:
        try:
            cursor = self._ports.cursors.load()
        except CorruptionError as error:
            _logger.warning("the scrubber begins a new cycle: %s", error)
            cursor = None
        return cursor or self._new_cycle(0)

    def _new_cycle(self, last_completed_ms: int) -> ScrubCursor:
        self._search_count = 0
        started_ms = self._ports.clock.wall_ms()
        return ScrubCursor(started_ms, table=int(min(Table)), last_completed_ms=last_completed_ms)

    def _rest_s(self, cursor: ScrubCursor) -> float:
        age_s = (self._ports.clock.wall_ms() - cursor.cycle_started_ms) / _MS_PER_S
        # A clock that was set back must not make a rest longer than a cycle.
        return 0.0 if age_s < 0 else self._pace.cycle_s - age_s

    async def _move_on(self, before: ScrubCursor, portion: Portion) -> None:
        cursor = replace(portion.cursor, error_count=before.error_count + len(portion.findings))
        if cursor.stage is ScrubStage.RESTING:
            cursor = replace(cursor, last_completed_ms=self._ports.clock.wall_ms())
            self._tell_completed(cursor)
        self._cursor = cursor
        self._tell_progress(cursor)
        now_s = self._ports.clock.monotonic_s()
        if cursor.stage is not before.stage or now_s - self._saved_at_s >= _SAVE_INTERVAL_S:
            self._saved_at_s = now_s
            await self._ports.tasks.run_blocking(self._ports.cursors.save, cursor)

    def _tell_completed(self, cursor: ScrubCursor) -> None:
        duration_s = (cursor.last_completed_ms - cursor.cycle_started_ms) / _MS_PER_S
        level = logging.ERROR if cursor.error_count else logging.INFO
        _logger.log(
            level,
            "a scrub cycle is complete: %d damages found, %.0f s",
            cursor.error_count,
            duration_s,
        )
        if duration_s > self._pace.cycle_s:
            _logger.warning(
                "a scrub cycle took longer than storage.scrub.cycle_days: "
                "raise storage.scrub.max_bytes_per_s"
            )

    def _tell_progress(self, cursor: ScrubCursor) -> None:
        self._ports.observer.progressed(progress_of(cursor), cursor.last_completed_ms)

    async def _report(self, findings: list[Finding]) -> None:
        users = await self._users_of(findings)
        for finding in findings:
            named_by = [] if finding.blob_id is None else users.get(finding.blob_id, [])
            place = await self._ports.tasks.run_blocking(self._isolate, finding, named_by)
            self._ports.observer.found(finding.kind)
            _logger.error(
                "scrub: %s %s: %s%s%s",
                finding.kind,
                finding.what,
                finding.detail,
                "; used by " + ", ".join(map(str, named_by)) if named_by else "",
                f"; {place}" if place else "",
            )

    async def _users_of(self, findings: list[Finding]) -> dict[BlobId, list[BlobUser]]:
        blob_ids = {finding.blob_id for finding in findings if finding.blob_id is not None}
        if not blob_ids or self._search_count >= SEARCHES_PER_CYCLE_MAX:
            return {}
        self._search_count += 1
        return await find_blob_users(self._ports.index, self._ports.tasks, sorted(blob_ids))

    def _isolate(self, finding: Finding, named_by: list[BlobUser]) -> str:
        """Moves a damaged blob away; says what became of it. Blocks."""
        if finding.blob_id is None:
            return "the index can be built again from the log: rucket verify says more"
        if finding.kind is FindingKind.BLOB_MISSING:
            is_held = self._ports.quarantine.holds(finding.blob_id)
            return "it is in quarantine" if is_held else ""
        if finding.kind is not FindingKind.BLOB_CORRUPT:
            return ""
        report = quarantine_report(finding, named_by, self._ports.clock.wall_ms())
        try:
            return f"moved to {self._ports.quarantine.isolate(finding.blob_id, report)}"
        except FileNotFoundError:
            return "it was deleted meanwhile"
        except (DeviceError, StorageFullError) as error:
            return f"it could not be moved into quarantine: {error}"


def quarantine_report(finding: Finding, named_by: list[BlobUser], found_ms: int) -> bytes:
    """What lies beside a blob in quarantine, as JSON."""
    assert finding.blob_id is not None
    document = {
        "format_version": QUARANTINE_REPORT_FORMAT_VERSION,
        "blob_id": finding.blob_id.hex(),
        "kind": finding.kind.value,
        "detail": finding.detail,
        "found_ms": found_ms,
        "used_by": [asdict(user) for user in named_by],
        "advice": _ADVICE,
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def progress_of(cursor: ScrubCursor) -> float:
    """How much of a cycle is done, 0 to 1. Blob ids are random from their third byte on (those of
    format 1, which come before nearly all others, from their first): the share of ids that lie
    before the cursor is about the share of blobs.
    """
    match cursor.stage:
        case ScrubStage.ROWS:
            before = sum(1 for table in Table if table < cursor.table)
            return _ROWS_SHARE * before / len(Table)
        case ScrubStage.BLOBS:
            start = _RANDOM_FROM_BYTE if cursor.position[:1] in _KINDS else 0
            prefix = cursor.position[start : start + _BLOB_PREFIX_SIZE_BYTES]
            digits = prefix.ljust(_BLOB_PREFIX_SIZE_BYTES, b"\0")
            done = int.from_bytes(digits, "big") / (1 << 8 * _BLOB_PREFIX_SIZE_BYTES)
            return _ROWS_SHARE + (1 - _ROWS_SHARE) * done
        case ScrubStage.RESTING:
            return 1.0
