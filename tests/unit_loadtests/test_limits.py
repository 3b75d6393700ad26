"""Limits: of the machine, by wrk and synced writes, and of the client."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config

from loadtests.bench.client_limits import near_limits
from loadtests.bench.durable_writes import run_durable_writes
from loadtests.bench.endpoints import Endpoint
from loadtests.bench.figures import Summary
from loadtests.bench.http_load import LoadError
from loadtests.bench.limits import LimitSummary
from loadtests.bench.signing import Signer
from loadtests.bench.wrk import Rate, read_output
from tests.unit_loadtests.test_report import summary

OUTPUT = """\
Running 1s test @ http://127.0.0.1:1
  Latency Distribution
     50%  612.00us
     99%    2.50ms
  20180 requests in 1.10s, 24.69MB read
Requests/sec:  18345.67
"""


def test_output_of_wrk_is_read() -> None:
    """The rate, and the slowest hundredth in milliseconds."""
    assert read_output(OUTPUT) == Rate(18345.67, 2.5)
    assert read_output(OUTPUT.replace("2.50ms", "1.02s")).p99_ms == 1020


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OUTPUT + "  Non-2xx or 3xx responses: 17\n", "Non-2xx or 3xx responses: 17"),
        ("  Socket errors: connect 3, read 0\n" + OUTPUT, "Socket errors: connect 3"),
        ("unable to connect", "printed no rate: unable to connect"),
        (OUTPUT.replace("18345.67", "0.00"), "printed no rate"),
    ],
)
def test_failed_requests_of_wrk_void_the_run(text: str, message: str) -> None:
    """Answers that are errors would be fast."""
    with pytest.raises(LoadError, match=message):
        read_output(text)


def test_presigned_target_is_signed_as_an_sdk_does_it() -> None:
    """The same signature as botocore's for the same moment."""
    endpoint = Endpoint("here", "127.0.0.1", 9000, "key", "secret-of-key")
    s3 = boto3.client(
        "s3",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
    )
    params = {"Bucket": "bucket", "Key": "a b/ü"}
    url = urlsplit(s3.generate_presigned_url("get_object", Params=params, ExpiresIn=60))
    expected = parse_qs(url.query)
    signed_at = parse_amz_date(expected["X-Amz-Date"][0])

    target = urlsplit(Signer(endpoint, signed_at).presigned_target("GET", "/bucket/a b/ü", 60))

    assert target.path == url.path
    assert parse_qs(target.query) == expected


def parse_amz_date(text: str) -> datetime:
    """The moment that is written so."""
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def test_bodies_are_written_durably_by_the_second(tmp_path: Path) -> None:
    """Some are, whatever the disk, and nothing is left of them."""
    assert run_durable_writes(tmp_path, 1024, seconds=0.2) > 0
    assert list(tmp_path.iterdir()) == []


def test_disk_that_refuses_writes_voids_the_run(tmp_path: Path) -> None:
    """A missing directory is an error, not a rate."""
    with pytest.raises((LoadError, FileNotFoundError)):
        run_durable_writes(tmp_path / "missing", 1024, seconds=0.1)


def test_client_near_its_limit_is_named_with_the_most_that_a_ratio_can_be() -> None:
    """50 us of the client's own are 20,000 requests a second."""
    near = near_limits([rated("ours", 10_000), rated("theirs", 4_000)], "ours")
    far = near_limits([rated("ours", 9_000), rated("theirs", 15_000)], "ours")

    assert far == []
    assert [(one.per_second_max, one.reached) for one in near] == [(20_000, 0.5)]
    assert near[0].ratios_max == {"theirs": 5.0}


def rated(store: str, per_second: float) -> Summary:
    """Figures of a store with that rate; the client takes 50 us a request."""
    return summary(store, per_second, None)


@pytest.mark.parametrize(("ratio", "is_met"), [(0.6, True), (0.59, False)])
def test_limit_is_met_from_the_wanted_ratio_on(*, ratio: float, is_met: bool) -> None:
    """As it stands in the report."""
    found = LimitSummary("PUT", "disk", 60, 100, ratio, ratio, ratio, wanted=0.6)

    assert found.is_met is is_met
