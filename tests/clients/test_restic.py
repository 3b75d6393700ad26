"""restic with a repository in S3. Source: restic's manual."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.clients.command_line import CommandLine
from tests.clients.conftest import ProvideClient
from tests.clients.file_trees import MIB, tree_digests, write_file, write_tree
from tests.clients.locked_environments import RESTIC
from tests.clients.target import Target
from tests.server_process import Credentials

pytestmark = pytest.mark.clients


@pytest.fixture
def program(provide_client: ProvideClient) -> list[str]:
    """How the locked restic is run."""
    return [*provide_client(RESTIC), "--no-cache"]


@pytest.fixture
def restic(target: Target, program: list[str], home: Path, bucket: str) -> CommandLine:
    """A restic whose repository lies in the bucket, with the owner's keys."""
    return restic_as(target, program, home, target.owner, bucket)


def restic_as(
    target: Target, program: list[str], home: Path, credentials: Credentials, bucket: str
) -> CommandLine:
    """A restic whose repository lies in the bucket, with somebody's keys."""
    environment = {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_DEFAULT_REGION": target.region,
        "RESTIC_REPOSITORY": f"s3:{target.endpoint}/{bucket}/repository",
        "RESTIC_PASSWORD": "correct horse",
    }
    options = ("--retry-lock", "0", "-o", "s3.bucket-lookup=path")
    return CommandLine([*program, *options], home, environment)


def test_version_is_the_locked_one(restic: CommandLine) -> None:
    """The command that runs is the one that the lock pins."""
    assert restic.run("version").text.startswith(f"restic {RESTIC.version.removeprefix('v')} ")


def test_backup_is_checked_restored_and_thinned_out(restic: CommandLine, home: Path) -> None:
    """Two backups share what is the same, check clean, restore equal, and one can be forgotten."""
    sent = write_tree(home / "data", [f"{n % 5}/file {n}.bin" for n in range(100)])
    sent["large.bin"] = write_file(home / "data" / "large.bin", 40 * MIB)
    restic.run("init")
    first = _summary(restic)
    sent["new.bin"] = write_file(home / "data" / "new.bin", MIB)
    second = _summary(restic)
    checked = restic.run("check", "--read-data")
    restic.run("restore", "latest", "--target", "restored", "--verify")

    assert first["files_new"] == 101
    assert (second["files_new"], second["files_unmodified"]) == (1, 101)
    assert MIB <= second["data_added"] < 2 * MIB
    assert "no errors were found" in checked.text
    restored = next((home / "restored").rglob("large.bin")).parent
    assert tree_digests(restored) == sent

    restic.run("forget", "--keep-last", "1", "--prune")
    assert len(json.loads(restic.run("snapshots", "--json").text)) == 1
    assert "no errors were found" in restic.run("check", "--read-data").text
    shutil.rmtree(home / "restored")
    restic.run("restore", "latest", "--target", "restored")
    assert tree_digests(next((home / "restored").rglob("large.bin")).parent) == sent


def test_refusals_end_the_command(
    target: Target, program: list[str], home: Path, bucket: str
) -> None:
    """A wrong secret and another user's bucket make no repository."""
    wrong = Credentials("owner", target.owner.access_key, "not the secret")
    as_wrong = restic_as(target, program, home, wrong, bucket).attempt("init")
    as_stranger = restic_as(target, program, home, target.stranger, bucket).attempt("init")

    assert as_wrong.returncode != 0
    # restic asks by HEAD first, whose answer has no room for the reason.
    assert re.search("signature|access denied", as_wrong.stderr.lower())
    assert as_stranger.returncode != 0
    assert "access denied" in as_stranger.stderr.lower()


def _summary(restic: CommandLine) -> dict[str, int]:
    output = restic.run("backup", "--json", "data")
    summary: dict[str, int] = json.loads(output.lines[-1])
    return summary
