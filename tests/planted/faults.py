"""Faults, and which judge has to find each.

A fault is code that is added to the end of a module of the product: it puts something wrong in the
place of something right. It is planted in a copy (`planting`), so that nothing in the product
knows of faults. Where the name that it replaces is gone, the copy doesn't start, and the test
fails: plant it anew.
"""

from __future__ import annotations

from dataclasses import dataclass

_LOAD = ("loadtests", "run", "--concurrency", "2", "--duration-s", "4")
_CHAOS = ("chaos", "run", "--seed", "1")


@dataclass(frozen=True, slots=True)
class PlantedFault:
    """A fault.

    Attributes:
        module: Where it is planted, below `rucket/`.
        code: What is added to the module.
        judge: The module that is run, and its arguments; a report's folder is added for kits.
        finding: What it has to say; a line of what it prints contains it.
    """

    name: str
    about: str
    module: str
    code: str
    judge: tuple[str, ...]
    finding: str


FAULTS = (
    PlantedFault(
        "answer before commit",
        "PutObject says 200 and sends the command to the log half a second later.",
        "service/ingest.py",
        """
_commit_in_time = commit_ingested

async def _commit_late(gateway, command, ingested):
    await gateway.tasks.sleep(0.5)
    await _commit_in_time(gateway, command, ingested)

async def commit_ingested(gateway, command, ingested):
    gateway.tasks.spawn(_commit_late(gateway, command, ingested), "late")
    return Committed(hlc=0, version_id="", etag=ingested.md5.hex())
""",
        (*_CHAOS, "kill-all"),
        "linearizability: ",
    ),
    PlantedFault(
        "stale index",
        "A gateway reads from a snapshot that is up to half a second old.",
        "store/index/sqlite_index.py",
        """
import time

class _OldSnapshot:
    def __init__(self, fresh):
        self._fresh, self._rows, self._good_until_s = fresh, None, 0.0

    def __enter__(self):
        if time.monotonic() >= self._good_until_s:
            if self._rows is not None:
                self._fresh.__exit__(None, None, None)
            self._rows = self._fresh.__enter__()
            self._good_until_s = time.monotonic() + 0.5
        return self._rows

    def __exit__(self, *error):
        return None

_old_snapshots = {}
_fresh_snapshot = SqliteIndexReader.snapshot

def _old_snapshot(self):
    if self not in _old_snapshots:
        _old_snapshots[self] = _OldSnapshot(_fresh_snapshot(self))
    return _old_snapshots[self]

SqliteIndexReader.snapshot = _old_snapshot
""",
        (*_CHAOS, "latency"),
        "linearizability: ",
    ),
    PlantedFault(
        "lost listing entry",
        "The last entry of a full page is left out; the next page begins behind it.",
        "service/listing.py",
        """
_take_all = _PageScan._take_objects

def _take_all_but_one(self, rows):
    room = self.query.limit - self._count()
    if len(rows) <= room or room < 2:
        return _take_all(self, rows)
    self._add_objects(rows[: room - 1])
    self._last = rows[room - 1][0][self._key_start :].decode()
    return False

_PageScan._take_objects = _take_all_but_one
""",
        (*_LOAD, "listing"),
        "wrong bytes: listing of ",
    ),
    PlantedFault(
        "range off by one",
        "A range that ends within an object begins and ends a byte late.",
        "wire/byte_ranges.py",
        """
_resolve_well = resolve_range

def resolve_range(header, size_bytes):
    found = _resolve_well(header, size_bytes)
    if found is None or found.last >= size_bytes - 1:
        return found
    return ByteRange(found.first + 1, found.last + 1)
""",
        (*_LOAD, "mixed"),
        "wrong bytes: ",
    ),
    PlantedFault(
        "skipped fsync",
        "The log says that a batch is durable, but leaves it to the kernel when to write it.",
        "store/wal/wal.py",
        """
Wal._sync_newest = lambda self: None
""",
        ("pytest", "-x", "-q", "tests/storage/test_power_cuts.py", "-k", "put and inline"),
        "LostError",
    ),
)
