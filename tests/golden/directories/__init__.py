"""Data directories as earlier versions left them, packed; `unpack` lays one out.

`format-1.tar.gz` was left by the version before index format 2, `format-2.tar.gz` by the one before
index format 3: a server that was killed, with a part of the index in SQLite's WAL only.
`rows.msgpack` in it are the rows its index showed: table, key, value, attachment.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import msgspec

from rucket.ports.index import Table

Row = tuple[Table, bytes, bytes, bytes]


def unpack(name: str, target: Path) -> list[Row]:
    """Makes the data directory `target`; returns the rows its index showed, in order."""
    with tarfile.open(Path(__file__).parent / f"{name}.tar.gz") as packed:
        packed.extractall(target.parent, filter="data")
    (target.parent / "data").rename(target)
    rows = msgspec.msgpack.decode((target.parent / "rows.msgpack").read_bytes())
    return [(Table(table), *row) for table, *row in rows]
