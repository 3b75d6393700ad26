"""``rucket inspect index``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- typer reads annotations
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rucket.cli.admin_options import Format, print_json, print_table
from rucket.cli.inspected_values import one_line, printable, time_of
from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.settings_sources import load_settings
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import ConfigurationError, CorruptionError, UnknownFormatError
from rucket.ports.index import Table
from rucket.state.recount import all_rows
from rucket.state.row_contents import read_whole_row
from rucket.state.row_scan import read_rows
from rucket.state.rows import applied_position, bucket_prefix, find_bucket, prefix_end
from rucket.store.checkpoints.files import write_dump
from rucket.store.index.sqlite_index import SqliteIndexReader

if TYPE_CHECKING:
    from rucket.ports.index import Snapshot

HELP: Final = """Show rows of the index.

Without --table: how many rows each table has, and up to which record of the log they show. With
--table: the rows, in the order of their keys. --prefix is text, or hexadecimal digits after 0x;
with --bucket it is a prefix of the object's key. With -f json, every line is a JSON object.

With --dump, all rows are written to a new file, in the format of a checkpoint: two indexes hold the
same exactly if their dumps are the same bytes.
"""

_BY_BUCKET: Final = frozenset({Table.OBJECTS, Table.UPLOADS})
_ROWS_PER_SNAPSHOT: Final = 100
_HEXADECIMAL: Final = "0x"


def inspect_index(  # noqa: PLR0913, PLR0917 -- one for each option
    data_dir: Annotated[
        Path | None,
        typer.Option("-d", "--data-dir", metavar="DIR", help="Where data is: storage.data_dir."),
    ] = None,
    table: Annotated[
        str | None, typer.Option("--table", metavar="TABLE", help="The rows of this table.")
    ] = None,
    bucket: Annotated[
        str | None,
        typer.Option("--bucket", metavar="NAME", help="Of OBJECTS or UPLOADS, those in it."),
    ] = None,
    prefix: Annotated[
        str, typer.Option("--prefix", metavar="TEXT|0xHEX", help="How the keys begin.")
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="Show so many rows at most.")
    ] = 100,
    dump: Annotated[
        Path | None, typer.Option("--dump", metavar="FILE", help="Write all rows to this new file.")
    ] = None,
    output: Annotated[Format, typer.Option("-f", "--format", help="How to print.")] = Format.TEXT,
) -> None:
    """Show rows of the index."""
    settings = load_settings(None, {"storage": {"data_dir": data_dir}})
    directory = DataDirectory(str(settings.storage.data_dir), OsDisk())
    chosen = None if table is None else _table(table)
    index = SqliteIndexReader(directory.index, is_inspection=True)
    try:
        if dump is not None:
            _dump(index, dump)
        elif chosen is None:
            _print_summary(index, output)
        else:
            _print_rows(index, chosen, _start(index, chosen, bucket, prefix), (limit, output))
    finally:
        index.close()


def _dump(index: SqliteIndexReader, path: Path) -> None:
    if path.exists():
        raise ConfigurationError(f"--dump: {path} is there already")
    with index.snapshot() as snapshot:
        written = write_dump(OsDisk(), str(path.absolute()), snapshot)
    typer.echo(f"{path} shows record {written.position}: {written.row_count} rows")


def _table(name: str) -> Table:
    try:
        return Table[name.upper()]
    except KeyError:
        names = ", ".join(table.name for table in Table)
        raise ConfigurationError(
            f"--table: there is no table {name!r}; there are {names}"
        ) from None


def _start(index: SqliteIndexReader, table: Table, bucket: str | None, prefix: str) -> bytes:
    """How the keys of the rows that are wanted begin."""
    try:
        is_hexadecimal = prefix.startswith(_HEXADECIMAL)
        start = bytes.fromhex(prefix[2:]) if is_hexadecimal else prefix.encode()
    except ValueError:
        raise ConfigurationError(f"--prefix: {prefix!r} isn't hexadecimal") from None
    if bucket is None:
        return start
    if table not in _BY_BUCKET:
        raise ConfigurationError(f"--bucket: the keys of {table.name} don't begin with a bucket")
    with index.snapshot() as snapshot:
        found = find_bucket(snapshot, bucket)
    if found is None:
        raise ConfigurationError(f"--bucket: there is no bucket {bucket!r}")
    return bucket_prefix(found.bucket_id) + start


def _print_summary(index: SqliteIndexReader, output: Format) -> None:
    counts: dict[str, int | str] = {}
    for table in Table:
        try:
            with index.snapshot() as snapshot:
                counts[table.name] = sum(1 for _ in all_rows(snapshot, table))
        except CorruptionError as error:
            counts[table.name] = str(error)
    with index.snapshot() as snapshot:
        position, hlc = applied_position(snapshot)
    if output is Format.JSON:
        print_json({"position": position, "time": time_of(hlc), "rows": counts})
        return
    typer.echo(f"shows the log up to record {position}, {time_of(hlc)}")
    print_table(("TABLE", "ROWS"), [(name, str(count)) for name, count in counts.items()])


def _print_rows(
    index: SqliteIndexReader, table: Table, prefix: bytes, wanted: tuple[int, Format]
) -> None:
    left, output = wanted
    position: bytes | None = prefix
    while position is not None and left > 0:
        count = min(left, _ROWS_PER_SNAPSHOT)
        with index.snapshot() as snapshot:
            read = read_rows(snapshot, table, position, prefix_end(prefix), count)
            for key, value in read.rows:
                _print_row(snapshot, table, (key, value), output)
        if read.damage is not None:
            typer.echo(one_line({"damage": str(read.damage)}))
        left -= len(read.rows)
        position = read.position


def _print_row(
    snapshot: Snapshot, table: Table, stored: tuple[bytes, bytes], output: Format
) -> None:
    key, value = stored
    try:
        row = read_whole_row(snapshot, table, key, value)
    except (CorruptionError, UnknownFormatError) as error:
        typer.echo(one_line({"key": key, "damage": str(error)}))
        return
    fields = {"key": dict(row.key), "value": row.value}
    if row.content is not None:
        fields["content"] = row.content
    if output is Format.JSON:
        typer.echo(one_line({"raw_key": key, **fields}))
        return
    words = " ".join(f"{name}={printable(part)}" for name, part in row.key.items())
    content = "" if row.content is None else f"  {one_line(row.content)}"
    typer.echo(f"{words}  {one_line(row.value)}{content}")
