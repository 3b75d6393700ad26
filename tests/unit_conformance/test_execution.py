"""The suite's pytest as a child process: a small suite of the same shape, a real server."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from conformance.__main__ import main
from conformance.configuration import account_sets, wanted_users
from conformance.errors import SuiteError
from conformance.execution import Pace, run_tests
from conformance.selection import ListedTest
from conformance.suite import Suite, prepare_suite
from rucket_platform.clients.s3 import Buckets
from rucket_platform.errors import TargetError
from rucket_platform.reports.content import Outcome
from rucket_platform.targets.own_server import own_server
from rucket_platform.targets.target import Target
from rucket_platform.tools.progress import Progress

PROGRESS = Progress(Console(stderr=True))
PACE = Pace(worker_count=2, test_timeout_s=8, lifecycle_day_s=2)

FUNCTIONAL = """
import configparser, os, random, string
import boto3

config = configparser.RawConfigParser()
config.read(os.environ["S3TEST_CONF"])

def choose_bucket_prefix(template, max_len=30):
    return template.format(random="".join(random.choices(string.ascii_lowercase, k=8)))

prefix = choose_bucket_prefix(config["fixtures"]["bucket prefix"])

def client():
    section = config["s3 main"]
    return boto3.client(
        "s3",
        endpoint_url=f"http://{section['host']}:{section['port']}",
        region_name="us-east-1",
        aws_access_key_id=section["access_key"],
        aws_secret_access_key=section["secret_key"],
    )
"""

TESTS = '''
import time
import pytest
import s3tests.functional as functional

stuck = []

@pytest.fixture(autouse=True)
def buckets():
    """Clean up before and after, and fail while something of our prefix is stuck."""
    assert not [name for name in stuck if name.startswith(functional.prefix)], "left from before"
    yield
    assert not [name for name in stuck if name.startswith(functional.prefix)], "can't delete"

def test_list_buckets_paginated():
    """Asks the real server, as the account of this worker."""
    assert functional.client().list_buckets()["Buckets"] == []

def test_locks_a_bucket_for_ever():
    stuck.append(functional.prefix + "locked")

def test_goes_on_afterwards():
    pass

def test_leaves_a_bucket_behind():
    client = functional.client()
    client.create_bucket(Bucket=functional.prefix + "left")
    client.put_object(Bucket=functional.prefix + "left", Key="one")
    client.create_multipart_upload(Bucket=functional.prefix + "left", Key="two")

def test_fails():
    functional.client().head_bucket(Bucket="nobody-made-this")

def test_never_ends():
    time.sleep(3600)

def test_is_skipped():
    pytest.skip("nothing to see")

@pytest.mark.parametrize("number", [1, 2])
def test_of_many(number):
    assert number < 3

def test_not_asked_for():
    assert False
'''


def listed(*names: str, needs: str = "") -> tuple[ListedTest, ...]:
    return tuple(
        ListedTest(f"s3tests/functional/test_s3.py::test_{name}", "a", "a", frozenset([needs]), "")
        for name in names
    )


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """Ours, in the shape of s3-tests; the interpreter is the one of these tests."""
    directory = tmp_path_factory.mktemp("suite")
    functional = directory / "s3tests" / "functional"
    functional.mkdir(parents=True)
    (directory / "s3tests" / "__init__.py").touch()
    (functional / "__init__.py").write_text(FUNCTIONAL)
    (functional / "test_s3.py").write_text(TESTS)
    (directory / "pytest.ini").write_text("[pytest]\n")
    return Suite(directory, "unknown", Path(sys.executable))


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A Rucket with two sets of accounts."""
    directory = tmp_path_factory.mktemp("own")
    with own_server(users=wanted_users(2), directory=directory) as server:
        yield server.start()


def test_what_becomes_of_each_test_is_told_as_it_happens(suite: Suite, target: Target) -> None:
    """Failures, skips and time-outs have causes, a stuck bucket spoils one test, not the rest."""
    heard: list[tuple[int, int]] = []
    tests = listed(
        "list_buckets_paginated",
        "locks_a_bucket_for_ever",
        "goes_on_afterwards",
        "fails",
        "never_ends",
        "is_skipped",
        "of_many",
    )
    results = run_tests(suite, target, tests, PACE, lambda *counts: heard.append(counts), PROGRESS)
    found = {
        result.node_id.rpartition("::test_")[2]: (result.outcome, result.cause)
        for result in results
    }
    assert found["list_buckets_paginated"] == (Outcome.PASSED, "")
    assert found["locks_a_bucket_for_ever"][0] is Outcome.ERROR
    assert found["goes_on_afterwards"] == (Outcome.PASSED, "")
    assert found["fails"] == (Outcome.FAILED, "HeadBucket: 404")
    assert found["never_ends"] == (Outcome.FAILED, "timeout after 8.0 s")
    assert found["is_skipped"] == (Outcome.SKIPPED, "nothing to see")
    assert found["of_many"] == (Outcome.PASSED, "")
    assert len(found) == 7
    assert heard[-1] == (7, 3)
    assert heard == sorted(heard)


def test_tests_with_storage_classes_run_in_a_pass_of_their_own(
    suite: Suite, target: Target
) -> None:
    """Both passes count."""
    tests = (*listed("goes_on_afterwards"), *listed("of_many", needs="storage-classes"))
    results = run_tests(suite, target, tests, PACE, lambda *_: None, PROGRESS)
    assert [result.outcome for result in results] == [Outcome.PASSED, Outcome.PASSED]


def test_nothing_is_left_on_the_target(suite: Suite, target: Target) -> None:
    """What a test leaves behind goes with the run; what is none of the run's stays."""
    connection = target.connection(account_sets(target.accounts)[0]["main"])
    with Buckets(connection) as buckets:
        buckets.create("rkt-of-somebody-else")
        results = run_tests(
            suite, target, listed("leaves_a_bucket_behind"), PACE, lambda *_: None, PROGRESS
        )
        assert [(result.outcome, result.cause) for result in results] == [(Outcome.PASSED, "")]
        assert buckets.names() == ["rkt-of-somebody-else"]
        buckets.delete("rkt-of-somebody-else", force=False)


def test_a_suite_whose_pytest_can_t_start_is_an_error_and_no_result(
    suite: Suite, target: Target, tmp_path: Path
) -> None:
    """A crash must not look like a score of nothing."""
    broken = Suite(tmp_path, "unknown", suite.python)
    with pytest.raises(SuiteError, match="pytest ended with"):
        run_tests(broken, target, listed("fails"), PACE, lambda *_: None, PROGRESS)


def test_a_target_without_the_six_accounts_is_refused_before_anything_runs(
    suite: Suite, target: Target
) -> None:
    """With the names of those that are missing."""
    poor = Target(target.name, target.endpoints, target.s3_region, target.accounts[:1])
    with pytest.raises(TargetError, match="needs six accounts"):
        run_tests(suite, poor, listed("fails"), PACE, lambda *_: None, PROGRESS)


def test_what_isn_t_a_checkout_of_the_suite_is_refused(tmp_path: Path) -> None:
    """With what would be one."""
    with pytest.raises(SuiteError, match="give a checkout of ceph/s3-tests"):
        prepare_suite(str(tmp_path), Progress(Console(stderr=True)))


def test_without_a_suite_the_gate_says_that_nothing_was_judged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A green pipeline must not be taken for a passed suite."""
    assert main(["run"]) == 0
    assert capsys.readouterr().out.startswith("SKIPPED: conformance was not judged")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--endpoint", "127.0.0.1:1"], "is not a URL"),
        (["--report", __file__], "is a file"),
        (["--expectations", "/nowhere.toml"], "can't be read"),
        (["--previous", "/nowhere"], "there are no results"),
    ],
)
def test_a_wrong_word_on_the_command_line_is_told_before_the_run(
    suite: Suite, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    """In one line, with exit code 2."""
    fast = ["run", "--suite", str(suite.directory), *arguments]
    if "--endpoint" in arguments:
        fast[2] = "/nowhere"
        reason = "has no s3tests"
    assert main(fast) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert "Traceback" not in error
