"""A reader that dies in the middle of a snapshot: the kernel drops its locks, and SQLite's WAL
begins anew.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from rucket.disk.os_disk import OsDisk
from rucket.ports.index import Table
from rucket.store.index.sqlite_index import SqliteIndex

if TYPE_CHECKING:
    from pathlib import Path

_READER = """
import sys
from rucket.ports.index import Table
from rucket.store.index.sqlite_index import SqliteIndexReader
with SqliteIndexReader(sys.argv[1]).snapshot() as snapshot:
    snapshot.get(Table.META, b"key")
    print("reading", flush=True)
    sys.stdin.read()
"""


def test_a_killed_reader_pins_nothing(tmp_path: Path) -> None:
    """While it reads, the WAL grows with every commit; once it is dead, no more."""
    path = tmp_path / "index.db"
    index = SqliteIndex(str(path), OsDisk())

    def sizes(count: int) -> list[int]:
        found = []
        for number in range(count):
            with index.transaction() as transaction:
                transaction.put(Table.META, b"key", b"%d" % number * 20_000)
            index.sync()
            found.append((tmp_path / "index.db-wal").stat().st_size)
        return found

    sizes(2)
    with subprocess.Popen(
        [sys.executable, "-c", _READER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"reading\n"
        pinned = sizes(8)
        reader.kill()
        reader.wait()
    freed = sizes(4)
    index.close()

    assert pinned[-1] > pinned[-2] > pinned[-3]
    assert len(set(freed[1:])) == 1
