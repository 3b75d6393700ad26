"""rclone with its S3 backend. Source: rclone documentation, "Amazon S3" and the commands' pages."""

import os
from pathlib import Path

import pytest
from mypy_boto3_s3 import S3Client

from tests.clients.command_line import CommandLine
from tests.clients.conftest import ProvideClient
from tests.clients.file_trees import (
    MIB,
    ODD_NAMES,
    file_digest,
    tree_digests,
    write_file,
    write_tree,
)
from tests.clients.locked_environments import RCLONE
from tests.clients.target import Target
from tests.server_process import Credentials

pytestmark = pytest.mark.clients

FILE_COUNT = 1000
LARGE_FILE_BYTES = 200 * MIB
ROOT_OPTIONS = ("--config", "/dev/null", "--retries", "1", "--low-level-retries", "1")


@pytest.fixture
def program(provide_client: ProvideClient) -> list[str]:
    """How the locked rclone is run."""
    return [*provide_client(RCLONE), *ROOT_OPTIONS]


@pytest.fixture
def rclone(target: Target, program: list[str], home: Path) -> CommandLine:
    """A rclone whose remote `store:` is the endpoint with the owner's keys."""
    return rclone_as(target, program, home, target.owner)


def rclone_as(
    target: Target, program: list[str], home: Path, credentials: Credentials
) -> CommandLine:
    """A rclone whose remote `store:` is the endpoint with somebody's keys."""
    remote = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ENDPOINT": target.endpoint,
        "REGION": target.region,
        "ACCESS_KEY_ID": credentials.access_key,
        "SECRET_ACCESS_KEY": credentials.secret_key,
    }
    environment = {f"RCLONE_CONFIG_STORE_{name}": value for name, value in remote.items()}
    return CommandLine(program, home, environment)


def test_version_is_the_locked_one(rclone: CommandLine) -> None:
    """The command that runs is the one that the lock pins."""
    assert rclone.run("version").lines[0] == f"rclone {RCLONE.version}"


def test_thousand_files_are_synced_and_checked_both_ways(
    rclone: CommandLine, bucket: str, home: Path
) -> None:
    """1,000 files go up and down; checks by hash and by content agree; nothing moves twice."""
    names = [f"{n % 10}/{n % 7}/file {n}.bin" for n in range(FILE_COUNT)]
    sent = write_tree(home / "up", names)
    rclone.run("sync", "up", f"store:{bucket}/tree", "--transfers", "8", "--checkers", "8")
    checked = rclone.run("check", "up", f"store:{bucket}/tree", "--checkers", "8")
    downloaded = rclone.run("check", "--download", "up", f"store:{bucket}/tree", "--checkers", "8")
    again = rclone.run("sync", "up", f"store:{bucket}/tree", "-v", "--stats-one-line")
    rclone.run("sync", f"store:{bucket}/tree", "down", "--transfers", "8", "--checkers", "8")

    assert tree_digests(home / "down") == sent
    assert f"{FILE_COUNT} matching files" in checked.stderr
    assert f"{FILE_COUNT} matching files" in downloaded.stderr
    assert "Copied" not in again.stderr
    removed = home / "up" / names[0]
    removed.unlink()
    rclone.run("sync", "up", f"store:{bucket}/tree")
    assert len(rclone.run("lsf", "-R", "--files-only", f"store:{bucket}").lines) == FILE_COUNT - 1


def test_odd_names_survive(rclone: CommandLine, bucket: str, home: Path) -> None:
    """Blanks, quotes, percent, plus and any script come back as they went."""
    sent = write_tree(home / "up", ODD_NAMES)
    rclone.run("copy", "up", f"store:{bucket}/odd")
    rclone.run("copy", f"store:{bucket}/odd", "down")
    listed = rclone.run("lsf", "-R", "--files-only", f"store:{bucket}/odd").lines

    assert tree_digests(home / "down") == sent
    assert sorted(listed) == sorted(ODD_NAMES)


def test_large_file_is_uploaded_in_many_parts_and_copied_in_the_store(
    rclone: CommandLine, bucket: str, home: Path, owner_s3: S3Client
) -> None:
    """200 MiB in parts of 5 MiB arrive whole; a part-wise copy inside the store is the same."""
    sent = write_file(home / "large.bin", LARGE_FILE_BYTES)
    parts = ("--s3-chunk-size", "5M", "--s3-upload-cutoff", "5M", "--s3-copy-cutoff", "64M")
    rclone.run("copyto", "large.bin", f"store:{bucket}/large.bin", *parts)
    rclone.run("copyto", f"store:{bucket}/large.bin", f"store:{bucket}/copied.bin", *parts)
    rclone.run("copyto", f"store:{bucket}/copied.bin", "down.bin")

    assert file_digest(home / "down.bin") == sent
    head = owner_s3.head_object(Bucket=bucket, Key="large.bin")
    assert head["ETag"].endswith('-40"')


def test_part_of_an_object_is_read(rclone: CommandLine, bucket: str, home: Path) -> None:
    """`cat` with an offset and a count prints exactly these bytes."""
    write_file(home / "object.bin", 100_000)
    data = (home / "object.bin").read_bytes()
    rclone.run("copy", "object.bin", f"store:{bucket}")
    window = ("--offset", "1234", "--count", "5000")
    got = rclone.run("cat", f"store:{bucket}/object.bin", *window)
    tail = rclone.run("cat", f"store:{bucket}/object.bin", "--tail", "10")

    assert got.stdout == data[1234:6234]
    assert tail.stdout == data[-10:]


def test_modification_time_is_kept_as_metadata(
    rclone: CommandLine, bucket: str, home: Path
) -> None:
    """The file's time travels with it, and a new time is set without the content moving."""
    write_file(home / "file.bin", 1000)
    os.utime(home / "file.bin", ns=(0, 981173106_123456789))
    rclone.run("copy", "file.bin", f"store:{bucket}")
    rclone.run("copy", f"store:{bucket}/file.bin", "down")
    listed = rclone.run("lsf", "--format", "t", f"store:{bucket}/file.bin")
    os.utime(home / "file.bin", ns=(0, 1012445106_000000000))
    touched = rclone.run("copy", "file.bin", f"store:{bucket}", "-v")
    rclone.run("copy", f"store:{bucket}/file.bin", "later")

    assert (home / "down" / "file.bin").stat().st_mtime_ns == 981173106_123456789
    assert "2001-02-03" in listed.text
    assert "Copied (new)" not in touched.stderr
    assert (home / "later" / "file.bin").stat().st_mtime_ns == 1012445106_000000000


def test_buckets_are_made_moved_from_and_purged(
    rclone: CommandLine, new_bucket_name: str, home: Path
) -> None:
    """`mkdir`, `move`, `size`, `deletefile` and `purge` do what they say."""
    write_tree(home / "up", [f"{n}.bin" for n in range(10)], size_bytes=100)
    rclone.run("mkdir", f"store:{new_bucket_name}")
    rclone.run("move", "up", f"store:{new_bucket_name}/a")
    rclone.run("move", f"store:{new_bucket_name}/a", f"store:{new_bucket_name}/b")
    rclone.run("deletefile", f"store:{new_bucket_name}/b/3.bin")
    left = rclone.run("lsf", "-R", "--files-only", f"store:{new_bucket_name}").lines
    rclone.run("purge", f"store:{new_bucket_name}")

    assert tree_digests(home / "up") == {}
    assert left == [f"b/{n}.bin" for n in range(10) if n != 3]
    assert f"{new_bucket_name}/" not in rclone.run("lsf", "store:").lines


def test_refusals_are_named(
    target: Target, program: list[str], home: Path, rclone: CommandLine, bucket: str
) -> None:
    """A wrong secret, another user's bucket and a missing one end with the code S3 has for it."""
    wrong = Credentials("owner", target.owner.access_key, "not the secret")
    as_wrong = rclone_as(target, program, home, wrong).attempt("lsf", f"store:{bucket}")
    stranger = rclone_as(target, program, home, target.stranger)
    as_stranger = stranger.attempt("lsf", f"store:{bucket}")
    missing = rclone.attempt("lsf", f"store:{bucket}-missing")

    assert "SignatureDoesNotMatch" in as_wrong.stderr
    assert "AccessDenied" in as_stranger.stderr
    assert "directory not found" in missing.stderr
    assert 0 not in {as_wrong.returncode, as_stranger.returncode, missing.returncode}
