"""The s3cmd command line. Source: s3cmd's manual page."""

import urllib.request
from pathlib import Path

import pytest
from mypy_boto3_s3 import S3Client

from tests.clients.command_line import CommandLine
from tests.clients.conftest import ProvideClient
from tests.clients.file_trees import (
    MIB,
    ODD_NAMES,
    digest,
    file_digest,
    tree_digests,
    write_file,
    write_tree,
)
from tests.clients.locked_environments import S3CMD
from tests.clients.target import Target
from tests.server_process import Credentials

pytestmark = pytest.mark.clients


@pytest.fixture
def program(provide_client: ProvideClient) -> list[str]:
    """How the locked s3cmd is run."""
    return provide_client(S3CMD)


@pytest.fixture
def s3cmd(target: Target, program: list[str], home: Path) -> CommandLine:
    """The s3cmd command with the owner's keys."""
    return s3cmd_as(target, program, home, target.owner)


def s3cmd_as(
    target: Target, program: list[str], home: Path, credentials: Credentials
) -> CommandLine:
    """The s3cmd command with somebody's keys in a configuration file."""
    host = target.endpoint.partition("://")[2]
    config = home / f"{digest(repr(credentials).encode())}.s3cfg"
    settings = {
        "access_key": credentials.access_key,
        "secret_key": credentials.secret_key,
        "bucket_location": target.region,
        "host_base": host,
        "host_bucket": host,
        "use_https": str(target.endpoint.startswith("https")),
        "max_retries": "1",
        "multipart_chunk_size_mb": "5",
        "progress_meter": "False",
    }
    lines = [f"{name} = {value}" for name, value in settings.items()]
    config.write_text("\n".join(["[default]", *lines, ""]))
    return CommandLine([*program, "-c", str(config)], home, {})


def test_version_is_the_locked_one(s3cmd: CommandLine) -> None:
    """The command that runs is the one that the lock pins."""
    assert s3cmd.run("--version").text.strip() == f"s3cmd version {S3CMD.version}"


def test_bucket_is_made_listed_and_removed(s3cmd: CommandLine, new_bucket_name: str) -> None:
    """`mb`, `ls`, `info` and `rb` know the same bucket."""
    s3cmd.run("mb", f"s3://{new_bucket_name}")
    listed = s3cmd.run("ls").text
    info = s3cmd.run("info", f"s3://{new_bucket_name}").text
    s3cmd.run("rb", f"s3://{new_bucket_name}")

    assert f"s3://{new_bucket_name}\n" in listed
    assert "Location:" in info
    assert new_bucket_name not in s3cmd.run("ls").text


def test_large_file_is_put_in_parts_and_got(
    s3cmd: CommandLine, bucket: str, home: Path, owner_s3: S3Client
) -> None:
    """A file of several parts arrives whole and comes back the same."""
    sent = write_file(home / "large.bin", 17 * MIB)
    s3cmd.run("put", "large.bin", f"s3://{bucket}/large.bin")
    s3cmd.run("get", f"s3://{bucket}/large.bin", "down.bin")

    assert file_digest(home / "down.bin") == sent
    head = owner_s3.head_object(Bucket=bucket, Key="large.bin")
    assert head["ETag"].endswith('-4"')


def test_interrupted_download_is_continued(s3cmd: CommandLine, bucket: str, home: Path) -> None:
    """`get --continue` fetches only what is missing at the end of a partial file."""
    sent = write_file(home / "file.bin", 3 * MIB)
    s3cmd.run("put", "file.bin", f"s3://{bucket}/file.bin")
    (home / "down.bin").write_bytes((home / "file.bin").read_bytes()[:MIB])
    s3cmd.run("get", "--continue", f"s3://{bucket}/file.bin", "down.bin")

    assert file_digest(home / "down.bin") == sent


def test_tree_with_odd_names_is_synced_both_ways(
    s3cmd: CommandLine, bucket: str, home: Path
) -> None:
    """Every name survives; a second sync moves nothing; --delete-removed deletes."""
    sent = write_tree(home / "up", ODD_NAMES)
    (home / "down").mkdir()
    s3cmd.run("sync", "up/", f"s3://{bucket}/tree/")
    again = s3cmd.run("sync", "up/", f"s3://{bucket}/tree/")
    s3cmd.run("sync", f"s3://{bucket}/tree/", "down/")

    assert tree_digests(home / "down") == sent
    assert "upload" not in again.text
    (home / "up" / "plain.txt").unlink()
    s3cmd.run("sync", "--delete-removed", "up/", f"s3://{bucket}/tree/")
    listed = s3cmd.run("ls", "--recursive", f"s3://{bucket}/tree/").lines
    assert len(listed) == len(ODD_NAMES) - 1


def test_object_is_copied_moved_described_and_removed(
    s3cmd: CommandLine, bucket: str, home: Path
) -> None:
    """`cp` and `mv` keep type and metadata, `info` shows them, `del` removes."""
    sent = write_file(home / "file.bin", 5000)
    place = f"s3://{bucket}"
    headers = ("--mime-type", "application/x-thing", "--add-header", "x-amz-meta-colour: blue")
    s3cmd.run("put", *headers, "file.bin", f"{place}/one")
    s3cmd.run("cp", f"{place}/one", f"{place}/two")
    s3cmd.run("mv", f"{place}/two", f"{place}/three")
    info = s3cmd.run("info", f"{place}/three").text
    s3cmd.run("get", f"{place}/three", "down.bin")
    s3cmd.run("del", f"{place}/one")

    assert file_digest(home / "down.bin") == sent
    assert "application/x-thing" in info
    assert "blue" in info
    assert [line.split()[-1] for line in s3cmd.run("ls", place).lines] == [f"{place}/three"]
    assert "5000" in s3cmd.run("du", place).text


def test_object_is_read_by_signed_url(s3cmd: CommandLine, bucket: str, home: Path) -> None:
    """`signurl` prints a URL, of signature version 2, that anybody can read."""
    write_file(home / "file.bin", 5000)
    s3cmd.run("put", "file.bin", f"s3://{bucket}/file.bin")
    url = s3cmd.run("signurl", f"s3://{bucket}/file.bin", "+60").text.strip()

    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == (home / "file.bin").read_bytes()


def test_refusals_are_named(
    target: Target, program: list[str], home: Path, s3cmd: CommandLine, bucket: str
) -> None:
    """A wrong secret, another user's bucket and a missing one end with the code S3 has for it."""
    wrong = Credentials("owner", target.owner.access_key, "not the secret")
    as_wrong = s3cmd_as(target, program, home, wrong).attempt("ls", f"s3://{bucket}")
    stranger = s3cmd_as(target, program, home, target.stranger)
    as_stranger = stranger.attempt("ls", f"s3://{bucket}")
    missing = s3cmd.attempt("ls", f"s3://{bucket}-missing")

    assert "SignatureDoesNotMatch" in as_wrong.stderr
    assert "AccessDenied" in as_stranger.stderr
    assert "NoSuchBucket" in missing.stderr
    assert 0 not in {as_wrong.returncode, as_stranger.returncode, missing.returncode}
