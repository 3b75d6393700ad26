"""`rucket verify` and `rucket inspect`, on a data directory that the store has written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rucket.daemon.devices import open_device
from rucket.daemon.preflight import prepare_data_directory
from tests.storage.bitrot.image import SECRET, Image, flipped, make_image

if TYPE_CHECKING:
    from rucket.model.names import BlobId
    from rucket.store.blobs.packed.packed_blobs import PackedBlobs
    from tests.unit.cli.command_line import CommandLine


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """A data directory in memory."""
    return make_image(tmp_path_factory.mktemp("image") / "data")


@pytest.fixture
def data_dir(image: Image, tmp_path: Path) -> Path:
    """A data directory."""
    image.write(tmp_path / "data")
    return tmp_path / "data"


def _files(data_dir: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in data_dir.rglob("*")
        if path.is_file() and path.name != "LOCK" and not path.name.endswith("-shm")
    }


def test_verify_finds_nothing_wrong_and_changes_nothing(
    command_line: CommandLine, data_dir: Path
) -> None:
    """Exit code 0, and what was read."""
    before = _files(data_dir)

    ran = command_line.run("verify", "-d", str(data_dir))

    assert ran.exit_code == 0
    assert "nothing is damaged" in ran.output
    assert "records 71" in ran.output
    assert "rows 152" in ran.output
    assert _files(data_dir) == before


def test_verify_names_what_is_damaged_and_what_repairs_it(
    command_line: CommandLine, image: Image, data_dir: Path
) -> None:
    """Exit code 1; as text and as JSON."""
    blob_id = image.blob_ids[0].hex()
    path = data_dir / "blobs" / "files" / blob_id[4:6] / blob_id
    path.write_bytes(flipped(path.read_bytes(), 100, 1))

    text = command_line.run("verify", "-d", str(data_dir))
    ran = command_line.run("verify", "-d", str(data_dir), "--format", "json")

    assert (text.exit_code, ran.exit_code) == (1, 1)
    assert f"PROBLEM         blobs: blob {blob_id}: " in text.output
    assert "the check of block 0 doesn't fit" in text.output
    document = json.loads(ran.output)
    assert not document["is_clean"]
    assert [problem["area"] for problem in document["problems"]] == ["blobs"]
    assert "upload the objects again" in document["repairs"][0]


@pytest.mark.parametrize(
    ("lost", "detail"),
    [
        ("wal/0000000002.wal", "it begins with record"),
        ("rucket.json", "it is missing"),
        ("keys/sealing.key", "it doesn't open with this node's sealing key"),
    ],
)
def test_verify_notices_files_that_are_missing(
    command_line: CommandLine, data_dir: Path, lost: str, detail: str
) -> None:
    """Whatever they are."""
    (data_dir / lost).unlink()

    ran = command_line.run("verify", "-d", str(data_dir))

    assert ran.exit_code == 1
    assert detail in ran.output


def test_verify_takes_the_sealing_key_of_the_configuration(
    command_line: CommandLine, image: Image, data_dir: Path
) -> None:
    """As the server does."""
    key = image.files["keys/sealing.key"].hex()
    (data_dir / "keys/sealing.key").write_bytes(bytes(32))
    assert command_line.run("verify", "-d", str(data_dir)).exit_code == 1

    command_line.monkeypatch.setenv("RUCKET__AUTH__SEALING_KEY", key)

    assert command_line.run("verify", "-d", str(data_dir)).exit_code == 0


def test_verify_says_that_a_missing_index_will_be_built_again(
    command_line: CommandLine, data_dir: Path
) -> None:
    """The log is complete: nothing is lost."""
    for path in (data_dir / "index").iterdir():
        path.unlink()

    ran = command_line.run("verify", "-d", str(data_dir))

    assert ran.exit_code == 0
    assert "the next start builds it from the log" in ran.output


def test_verify_is_refused_where_a_server_runs_or_never_ran(
    command_line: CommandLine, data_dir: Path, tmp_path: Path
) -> None:
    """Exit code 2: nothing is known."""
    descriptor = prepare_data_directory(data_dir)
    in_use = command_line.run("verify", "-d", str(data_dir))
    nothing = command_line.run("verify", "-d", str(tmp_path / "nothing"))
    os.close(descriptor)

    assert (in_use.exit_code, nothing.exit_code) == (2, 2)
    assert "in use by another server" in in_use.errors
    assert "no data directory" in nothing.errors
    assert not (tmp_path / "nothing").exists()


def test_inspect_log_shows_commands(command_line: CommandLine, data_dir: Path) -> None:
    """From a record on, so many; frame by frame."""
    ran = command_line.run("inspect", "log", str(data_dir), "--from", "3", "--limit", "2")

    lines = ran.output.splitlines()
    assert lines[0].startswith("segment 0000000001.wal  segment_number 1")
    assert [line.split()[2] for line in lines if line.startswith("    ")] == [
        "PutUser",
        "PutAccessKey",
    ]


def test_inspect_log_shows_no_secret_and_no_bytes_of_objects(
    command_line: CommandLine, data_dir: Path
) -> None:
    """Only how many there are."""
    ran = command_line.run("inspect", "log", str(data_dir), "-f", "json", "--limit", "1000")

    lines = [json.loads(line) for line in ran.output.splitlines()]
    records = [line for line in lines if line["kind"] == "record"]
    key = next(line for line in records if line["command"] == "PutAccessKey")
    assert key["fields"]["access_key"]["sealed_secret"] == {"size_bytes": 46}
    put = next(line for line in records if line["command"] == "PutObject")
    assert put["fields"]["content"]["inline"] == {"size_bytes": 40}
    assert [line["sequence_number"] for line in records] == list(range(1, 72))
    assert SECRET not in ran.output


def test_inspect_log_tells_a_tail_from_damage(command_line: CommandLine, data_dir: Path) -> None:
    """The newest segment may end in a batch that was cut off, an older one may not."""
    old, *_, new = sorted((data_dir / "wal").iterdir())
    new.write_bytes(flipped(new.read_bytes(), len(new.read_bytes().rstrip(b"\0")) - 9, 1))
    old.write_bytes(flipped(old.read_bytes(), 8192 + 40, 1))

    def last_kind(path: Path) -> object:
        lines = command_line.run("inspect", "log", str(path), "-f", "json").output.splitlines()
        return json.loads(lines[-1])["kind"]

    assert [last_kind(old), last_kind(new)] == ["damage", "tail"]


def test_inspect_index_counts_rows(command_line: CommandLine, data_dir: Path) -> None:
    """And says up to where they show the log."""
    ran = command_line.run("inspect", "index", "-d", str(data_dir), "-f", "json")

    document = json.loads(ran.output)
    assert document["position"] == 71
    assert document["rows"]["OBJECTS"] == 63


def test_inspect_index_shows_rows(command_line: CommandLine, data_dir: Path) -> None:
    """Those of a table, of a bucket, with a prefix."""

    def keys(*arguments: str) -> list[str]:
        ran = command_line.run("inspect", "index", "-d", str(data_dir), *arguments, "-f", "json")
        assert ran.exit_code == 0, ran.errors
        return [json.loads(line)["key"]["key"] for line in ran.output.splitlines()]

    large = ["--table", "OBJECTS", "--bucket", "bucket", "--prefix", "large-"]
    assert keys(*large) == ["large-0", "large-1"]
    assert keys(*large, "--limit", "1") == ["large-0"]
    assert keys("--table", "objects", "--prefix", "0x0000000000000002") == ["last"]
    assert len(keys("--table", "OBJECTS", "--bucket", "bucket", "--limit", "1000")) == 62


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "NONE"], "there is no table 'NONE'"),
        (["--table", "USERS", "--bucket", "bucket"], "don't begin with a bucket"),
        (["--table", "OBJECTS", "--bucket", "none"], "there is no bucket 'none'"),
        (["--table", "USERS", "--prefix", "0xzz"], "isn't hexadecimal"),
    ],
)
def test_inspect_index_says_what_is_wrong_with_a_question(
    command_line: CommandLine, data_dir: Path, arguments: list[str], message: str
) -> None:
    """Exit code 2."""
    ran = command_line.run("inspect", "index", "-d", str(data_dir), *arguments)

    assert ran.exit_code == 2
    assert message in ran.errors


def _packed(data_dir: Path) -> tuple[PackedBlobs, list[BlobId]]:
    """Some packed blobs beside the others, deleted ones and one that was moved among them."""
    packed = open_device(0, str(data_dir / "blobs")).packed
    packed.prepare()
    blob_ids = []
    for size_bytes in (100, 140_000, 200):
        writer = packed.create(size_bytes)
        writer.write(bytes(size_bytes))
        blob_ids.append(writer.finish())
    packed.delete(blob_ids[0])
    packed.close()
    return packed, blob_ids


def test_inspect_shows_packed_blobs_and_their_segments(
    command_line: CommandLine, data_dir: Path
) -> None:
    """Where a blob is and which block is damaged; each record of a segment."""
    packed, blob_ids = _packed(data_dir)
    blob_id = blob_ids[1]
    path = Path(packed.directory.segment_path(blob_id[2:8]))
    whole = command_line.run("inspect", "blob", blob_id.hex(), "-d", str(data_dir), "-f", "json")
    place = json.loads(whole.output)
    path.write_bytes(flipped(path.read_bytes(), place["data_offset_bytes"] + 131_072, 1))

    damaged = command_line.run("inspect", "blob", blob_id.hex(), "-d", str(data_dir), "-f", "json")
    segment = command_line.run("inspect", "segment", str(path), "-d", str(data_dir))
    records = command_line.run(
        "inspect", "segment", blob_id[2:8].hex(), "-d", str(data_dir), "-f", "json"
    )
    unknown = command_line.run("inspect", "segment", "00" * 6, "-d", str(data_dir))

    assert (whole.exit_code, damaged.exit_code, unknown.exit_code) == (0, 1, 2)
    assert place["path"] == str(path)
    assert json.loads(damaged.output)["damaged_blocks"] == [1]
    assert [line.split()[-1] for line in segment.output.splitlines()] == ["deleted", "live", "live"]
    assert [record["blob_id"] for record in json.loads(records.output)] == [
        found.hex() for found in blob_ids
    ]


def test_verify_looks_at_segments_and_maps(command_line: CommandLine, data_dir: Path) -> None:
    """Orphans are counted; a map that is no map is a problem."""
    _, blob_ids = _packed(data_dir)
    clean = command_line.run("verify", "-d", str(data_dir), "-f", "json")
    (data_dir / "blobs" / "packed" / "moved" / blob_ids[0][2:8].hex()).write_bytes(b"no map")

    damaged = command_line.run("verify", "-d", str(data_dir))

    assert (clean.exit_code, damaged.exit_code) == (0, 1)
    assert json.loads(clean.output)["figures"]["segments"]["segments"] == 1
    assert json.loads(clean.output)["figures"]["blobs"]["orphans"] == 2
    assert "it is no map of moved blobs" in damaged.output


def test_inspect_blob_verifies_every_block(
    command_line: CommandLine, image: Image, data_dir: Path
) -> None:
    """By id or by file; a damaged one ends in exit code 1."""
    blob_id = image.blob_ids[1].hex()
    path = data_dir / "blobs" / "files" / blob_id[4:6] / blob_id

    whole = command_line.run("inspect", "blob", blob_id, "-d", str(data_dir))
    path.write_bytes(flipped(path.read_bytes(), 5, 1))
    damaged = command_line.run("inspect", "blob", str(path), "-f", "json")
    unknown = command_line.run("inspect", "blob", "nonsense", "-d", str(data_dir))

    assert (whole.exit_code, damaged.exit_code, unknown.exit_code) == (0, 1, 2)
    assert "data size bytes   131072" in whole.output
    assert json.loads(damaged.output)["damaged_blocks"] == [0]
