"""``rucket inspect segment``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rucket.cli.admin_options import Format, print_json
from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.devices import open_node_devices
from rucket.daemon.settings_sources import load_settings
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import ConfigurationError
from rucket.store.blobs.blob_ids import SEGMENT_ID_SIZE_BYTES
from rucket.store.blobs.packed.inspection import segment_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rucket.store.blobs.packed.segment_walk import FoundRecord

HELP: Final = """List the records of a segment of packed blobs.

SEGMENT is its file, or its id of 12 hexadecimal digits (bytes 2 to 7 of the ids of blobs that were
born in it). Data isn't read: `rucket inspect blob ID` does that. A record that can't be read may be
what a crash left.
"""


def inspect_segment(
    segment: Annotated[str, typer.Argument(metavar="SEGMENT", help="A file or an id.")],
    data_dir: Annotated[
        Path | None,
        typer.Option("-d", "--data-dir", metavar="DIR", help="Where data is: storage.data_dir."),
    ] = None,
    output: Annotated[Format, typer.Option("-f", "--format", help="How to print.")] = Format.TEXT,
) -> None:
    """List the records of a segment of packed blobs."""
    settings = load_settings(None, {"storage": {"data_dir": data_dir}})
    directory = DataDirectory(str(settings.storage.data_dir), OsDisk())
    try:
        segment_id = bytes.fromhex(Path(segment).stem)
    except ValueError:
        segment_id = b""
    if len(segment_id) != SEGMENT_ID_SIZE_BYTES:
        raise ConfigurationError(f"{segment} is no segment: its id has 12 hexadecimal digits")
    lines: list[dict[str, object]] = []
    try:
        for found in _records(directory, segment_id):
            header = found.header
            line: dict[str, object] = {
                "offset_bytes": found.offset_bytes,
                "blob_id": "" if header is None else header.blob_id.hex(),
                "data_size_bytes": 0 if header is None else header.data_size_bytes,
                "is_deleted": found.is_deleted,
                "damage": found.damage,
            }
            lines.append(line)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"there is no segment {segment_id.hex()} in {settings.storage.data_dir}"
        ) from error
    if output is Format.JSON:
        print_json(lines)
        return
    for line in lines:
        state = "deleted" if line["is_deleted"] else line["damage"] or "live"
        typer.echo(
            f"{line['offset_bytes']:>12}  {line['blob_id']:<32}  "
            f"{line['data_size_bytes']:>9}  {state}"
        )


def _records(directory: DataDirectory, segment_id: bytes) -> Iterator[FoundRecord]:
    """Those of a segment, whatever device it is on.

    Raises:
        FileNotFoundError: it is on none.
    """
    for device in open_node_devices(directory).by_number.values():
        try:
            yield from segment_records(device.packed, segment_id)
        except FileNotFoundError:
            continue
        return
    raise FileNotFoundError(segment_id.hex())
