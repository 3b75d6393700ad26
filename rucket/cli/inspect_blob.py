"""``rucket inspect blob``."""

from __future__ import annotations

import contextlib
import posixpath
from pathlib import Path
from typing import Annotated, Final

import typer

from rucket.cli.admin_options import Format, print_fields, print_json
from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.devices import open_node_devices
from rucket.daemon.settings_sources import load_settings
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import ConfigurationError
from rucket.model.names import ID_SIZE_BYTES, BlobId
from rucket.store.blobs.blob_ids import PackedBirth, birth_of
from rucket.store.blobs.inspection import BlobInspection, inspect_blob
from rucket.store.blobs.packed.inspection import RecordInspection, inspect_packed_blob

HELP: Final = """Show where a blob is, and which of its blocks are as they were written.

BLOB is a file, or the id of a blob in the data directory (its quarantine is looked at, too). The
data of a blob begins at byte 0 of its file, or of a packed one at the offset shown, and block N
begins N times the block size behind that: what is good of a damaged one can be cut out with dd.
Exit code 1 if it is damaged.
"""

_EXIT_DAMAGED: Final = 1


def inspect_blob_file(
    blob: Annotated[str, typer.Argument(metavar="BLOB", help="A file or an id.")],
    data_dir: Annotated[
        Path | None,
        typer.Option("-d", "--data-dir", metavar="DIR", help="Where data is: storage.data_dir."),
    ] = None,
    output: Annotated[Format, typer.Option("-f", "--format", help="How to print.")] = Format.TEXT,
) -> None:
    """Show the footer of a blob, and which of its blocks are as they were written."""
    if Path(blob).is_file():
        file = inspect_blob(OsDisk(), blob)
        fields, is_whole = _fields_of_file(file), file.is_whole
    else:
        fields, is_whole = _find(blob, data_dir)
    _print(fields, output)
    raise typer.Exit(0 if is_whole else _EXIT_DAMAGED)


def _find(blob: str, data_dir: Path | None) -> tuple[dict[str, object], bool]:
    try:
        blob_id = BlobId(bytes.fromhex(blob))
    except ValueError:
        blob_id = BlobId(b"")
    if len(blob_id) != ID_SIZE_BYTES:
        raise ConfigurationError(f"{blob} is neither a file nor an id of 32 hexadecimal digits")
    settings = load_settings(None, {"storage": {"data_dir": data_dir}})
    directory = DataDirectory(str(settings.storage.data_dir), OsDisk())
    devices = open_node_devices(directory)
    number = devices.blobs.device_of(blob_id)
    if number not in devices.by_number:
        raise ConfigurationError(f"there is no device {number} in {settings.storage.data_dir}")
    places = (
        devices.by_number[number].files.path(blob_id),
        posixpath.join(devices.quarantine_directories[number], blob_id.hex()),
    )
    for place in places:
        if Path(place).is_file():
            file = inspect_blob(OsDisk(), place)
            return _fields_of_file(file), file.is_whole
    if isinstance(birth_of(blob_id), PackedBirth):
        with contextlib.suppress(FileNotFoundError):
            record = inspect_packed_blob(devices.by_number[number].packed, blob_id)
            return _fields_of_record(record), record.is_whole
    raise ConfigurationError(f"there is no blob {blob} in {settings.storage.data_dir}")


def _fields_of_file(found: BlobInspection) -> dict[str, object]:
    fields: dict[str, object] = {"path": found.path, "file_size_bytes": found.file_size_bytes}
    if found.footer is not None:
        fields |= {
            "blob_id": found.footer.blob_id.hex(),
            "data_size_bytes": found.footer.data_size_bytes,
            "block_size_bytes": found.footer.block_size_bytes,
            "block_count": found.footer.block_count,
            "checks_crc": f"{found.footer.checks_crc:08x}",
        }
    return fields | {
        "is_whole": found.is_whole,
        "damage": found.damage,
        "damaged_blocks": found.damaged_blocks,
    }


def _fields_of_record(found: RecordInspection) -> dict[str, object]:
    fields: dict[str, object] = {"path": found.path, "offset_bytes": found.offset_bytes}
    if found.header is not None:
        fields |= {
            "blob_id": found.header.blob_id.hex(),
            "data_offset_bytes": found.data_offset_bytes,
            "data_size_bytes": found.header.data_size_bytes,
            "block_size_bytes": found.header.block_size_bytes,
            "block_count": len(found.header.checks),
            "written_ms": found.header.written_ms,
            "is_deleted": found.header.is_deleted,
        }
    return fields | {
        "is_whole": found.is_whole,
        "damage": found.damage,
        "damaged_blocks": found.damaged_blocks,
    }


def _print(fields: dict[str, object], output: Format) -> None:
    if output is Format.JSON:
        print_json(fields)
        return
    blocks = fields["damaged_blocks"]
    assert isinstance(blocks, list)
    fields |= {
        "is_whole": "yes" if fields["is_whole"] else "NO",
        "damaged_blocks": " ".join(map(str, blocks)),
    }
    print_fields([(name.replace("_", " "), str(value)) for name, value in fields.items()])
