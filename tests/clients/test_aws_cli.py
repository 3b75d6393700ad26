"""The aws command line, version 1. Source: AWS CLI command reference, `s3` and `s3api`."""

import json
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest
from mypy_boto3_s3 import S3Client

from tests.clients.command_line import CommandLine
from tests.clients.conftest import ProvideClient
from tests.clients.file_trees import (
    MIB,
    ODD_NAMES,
    content,
    digest,
    file_digest,
    tree_digests,
    write_file,
    write_tree,
)
from tests.clients.locked_environments import AWS_CLI
from tests.clients.target import Target
from tests.server_process import Credentials

pytestmark = pytest.mark.clients


@pytest.fixture
def program(provide_client: ProvideClient) -> list[str]:
    """How the locked aws command is run."""
    return provide_client(AWS_CLI)


@pytest.fixture
def aws(target: Target, program: list[str], home: Path) -> CommandLine:
    """The aws command with the owner's keys."""
    return aws_as(target, program, home, target.owner)


def aws_as(
    target: Target, program: Sequence[str], home: Path, credentials: Credentials
) -> CommandLine:
    """The aws command with somebody's keys, path-style addresses and no retries."""
    config = home / ".aws" / "config"
    config.parent.mkdir(exist_ok=True)
    config.write_text("[default]\nmax_attempts = 1\ns3 =\n  addressing_style = path\n")
    environment = {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_DEFAULT_REGION": target.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return CommandLine([*program, "--endpoint-url", target.endpoint], home, environment)


def test_version_is_the_locked_one(aws: CommandLine) -> None:
    """The command that runs is the one that the lock pins."""
    assert aws.run("--version").text.startswith(f"aws-cli/{AWS_CLI.version} ")


def test_bucket_is_made_listed_and_removed(aws: CommandLine, new_bucket_name: str) -> None:
    """`mb` makes a bucket that `ls` shows; `rb` refuses a full one, `rb --force` empties it."""
    aws.run("s3", "mb", f"s3://{new_bucket_name}")
    aws.run("s3", "cp", "-", f"s3://{new_bucket_name}/object", stdin=b"bytes")
    full = aws.attempt("s3", "rb", f"s3://{new_bucket_name}")
    listed = aws.run("s3", "ls").text
    aws.run("s3", "rb", "--force", f"s3://{new_bucket_name}")

    assert new_bucket_name in listed
    assert "BucketNotEmpty" in full.stderr
    assert new_bucket_name not in aws.run("s3", "ls").text


def test_tree_with_odd_names_is_synced_both_ways(aws: CommandLine, bucket: str, home: Path) -> None:
    """Every name survives the way up and down; a second sync moves nothing; --delete deletes."""
    sent = write_tree(home / "up", ODD_NAMES)
    aws.run("s3", "sync", "up", f"s3://{bucket}/tree")
    again = aws.run("s3", "sync", "up", f"s3://{bucket}/tree")
    aws.run("s3", "sync", f"s3://{bucket}/tree", "down")

    assert tree_digests(home / "down") == sent
    assert "upload" not in again.text
    (home / "up" / "plain.txt").unlink()
    assert "delete" in aws.run("s3", "sync", "--delete", "up", f"s3://{bucket}/tree").text
    listed = aws.run("s3", "ls", "--recursive", f"s3://{bucket}/tree/").lines
    assert len(listed) == len(ODD_NAMES) - 1


def test_large_file_is_copied_in_parts(
    aws: CommandLine, bucket: str, home: Path, owner_s3: S3Client
) -> None:
    """A file above the threshold goes up in parts, is copied in the store, comes down unchanged."""
    sent = write_file(home / "large.bin", 20 * MIB)
    aws.run("s3", "cp", "large.bin", f"s3://{bucket}/large.bin")
    aws.run("s3", "cp", f"s3://{bucket}/large.bin", f"s3://{bucket}/second.bin")
    aws.run("s3", "mv", f"s3://{bucket}/second.bin", f"s3://{bucket}/third.bin")
    aws.run("s3", "cp", f"s3://{bucket}/third.bin", "down.bin")

    assert file_digest(home / "down.bin") == sent
    head = owner_s3.head_object(Bucket=bucket, Key="large.bin")
    assert head["ETag"].endswith('-3"')
    names = [line.split()[-1] for line in aws.run("s3", "ls", f"s3://{bucket}").lines]
    assert names == ["large.bin", "third.bin"]


def test_stream_is_copied_from_and_to_the_terminal(aws: CommandLine, bucket: str) -> None:
    """A stream of unknown length goes up in parts and comes down to standard output."""
    data = content("stream", 10 * MIB)
    aws.run("s3", "cp", "-", f"s3://{bucket}/stream", stdin=data)
    got = aws.run("s3", "cp", f"s3://{bucket}/stream", "-")

    assert digest(got.stdout) == digest(data)


def test_file_is_moved_and_many_are_removed(aws: CommandLine, bucket: str, home: Path) -> None:
    """`mv` takes the local file away; `rm --recursive` with filters removes what they say."""
    write_tree(home / "up", [f"{n}.{suffix}" for n in range(5) for suffix in ("txt", "bin")])
    aws.run("s3", "mv", "--recursive", "up", f"s3://{bucket}/")
    filters = ("--exclude", "*", "--include", "*.bin")
    aws.run("s3", "rm", "--recursive", *filters, f"s3://{bucket}/")

    assert tree_digests(home / "up") == {}
    names = [line.split()[-1] for line in aws.run("s3", "ls", f"s3://{bucket}").lines]
    assert names == [f"{n}.txt" for n in range(5)]


@pytest.mark.parametrize("signature", ["by_default", "s3v4"])
def test_object_is_read_by_presigned_url(aws: CommandLine, bucket: str, signature: str) -> None:
    """`presign` prints a URL that anybody can read; unasked, it signs by version 2."""
    if signature == "s3v4":
        aws.run("configure", "set", "default.s3.signature_version", signature)
    aws.run("s3", "cp", "-", f"s3://{bucket}/a b+ü.txt", stdin=b"presigned")
    url = aws.run("s3", "presign", "--expires-in", "60", f"s3://{bucket}/a b+ü.txt").text.strip()

    assert ("AWS4-HMAC-SHA256" in url) == (signature == "s3v4")
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == b"presigned"


def test_range_metadata_and_attributes_by_s3api(aws: CommandLine, bucket: str, home: Path) -> None:
    """`s3api` puts with metadata, reads a range into a file and pages through a listing."""
    data = content("object", 10_000)
    (home / "object").write_bytes(data)
    place = ("--bucket", bucket, "--key", "folder/object")
    aws.run("s3api", "put-object", *place, "--body", "object", "--metadata", "colour=blue")
    aws.run("s3api", "get-object", *place, "--range", "bytes=100-199", "part")
    head = json.loads(aws.run("s3api", "head-object", *place).text)
    pages = ("--bucket", bucket, "--delimiter", "/", "--page-size", "1")
    listing = json.loads(aws.run("s3api", "list-objects-v2", *pages).text)

    assert (home / "part").read_bytes() == data[100:200]
    assert head["Metadata"] == {"colour": "blue"}
    assert head["ContentLength"] == len(data)
    assert [row["Prefix"] for row in listing["CommonPrefixes"]] == ["folder/"]


def test_refusals_are_named(
    target: Target, program: list[str], home: Path, aws: CommandLine, bucket: str
) -> None:
    """A wrong secret, another user's bucket and a missing one end with the code S3 has for it."""
    wrong = Credentials("owner", target.owner.access_key, "not the secret")
    as_wrong = aws_as(target, program, home, wrong).attempt("s3", "ls")
    stranger = aws_as(target, program, home, target.stranger)
    as_stranger = stranger.attempt("s3", "ls", f"s3://{bucket}")
    missing = aws.attempt("s3", "ls", f"s3://{bucket}-missing")

    assert "SignatureDoesNotMatch" in as_wrong.stderr
    assert "AccessDenied" in as_stranger.stderr
    assert "NoSuchBucket" in missing.stderr
    assert 0 not in {as_wrong.returncode, as_stranger.returncode, missing.returncode}
