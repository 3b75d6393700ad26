"""``rucket inspect blob``."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Annotated, Final

import typer

from rucket.cli.admin_options import Format, print_fields, print_json
from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.settings_sources import load_settings
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import ConfigurationError
from rucket.model.names import ID_SIZE_BYTES, BlobId
from rucket.runtime.system import SystemRandom
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.blobs.inspection import BlobInspection, inspect_blob

HELP: Final = """Show the footer of a blob, and which of its blocks are as they were written.

BLOB is a file, or the id of one in the data directory (its quarantine is looked at, too). The data
of a blob begins at byte 0 of its file, block N at byte N times the block size: what is good of a
damaged one can be cut out with dd. Exit code 1 if it is damaged.
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
    found = inspect_blob(OsDisk(), blob if Path(blob).is_file() else _find(blob, data_dir))
    _print(found, output)
    raise typer.Exit(0 if found.is_whole else _EXIT_DAMAGED)


def _find(blob: str, data_dir: Path | None) -> str:
    try:
        blob_id = BlobId(bytes.fromhex(blob))
    except ValueError:
        blob_id = BlobId(b"")
    if len(blob_id) != ID_SIZE_BYTES:
        raise ConfigurationError(f"{blob} is neither a file nor an id of 32 hexadecimal digits")
    settings = load_settings(None, {"storage": {"data_dir": data_dir}})
    directory = DataDirectory(str(settings.storage.data_dir), OsDisk())
    places = (
        FileBlobs(OsDisk(), directory.blobs, 0, SystemRandom()).path(blob_id),
        posixpath.join(directory.quarantine, blob_id.hex()),
    )
    for place in places:
        if Path(place).is_file():
            return place
    raise ConfigurationError(f"there is no blob {blob} in {settings.storage.data_dir}")


def _print(found: BlobInspection, output: Format) -> None:
    fields: dict[str, object] = {"path": found.path, "file_size_bytes": found.file_size_bytes}
    if found.footer is not None:
        fields |= {
            "blob_id": found.footer.blob_id.hex(),
            "data_size_bytes": found.footer.data_size_bytes,
            "block_size_bytes": found.footer.block_size_bytes,
            "block_count": found.footer.block_count,
            "checks_crc": f"{found.footer.checks_crc:08x}",
        }
    fields |= {
        "is_whole": found.is_whole,
        "damage": found.damage,
        "damaged_blocks": found.damaged_blocks,
    }
    if output is Format.JSON:
        print_json(fields)
        return
    blocks = " ".join(map(str, found.damaged_blocks))
    fields |= {"is_whole": "yes" if found.is_whole else "NO", "damaged_blocks": blocks}
    print_fields([(name.replace("_", " "), str(value)) for name, value in fields.items()])
