"""The benchmark's command line."""

from pathlib import Path

import pytest

from loadtests.bench.arguments import format_size, parse_options, parse_size
from loadtests.bench.endpoints import (
    Endpoint,
    EndpointError,
    parse_endpoint,
    require_loopback,
)

HERE = "http://127.0.0.1:9100"


def test_defaults_measure_an_own_rucket() -> None:
    """Without arguments there is no target, the usual sizes and five rounds."""
    options = parse_options([])

    assert options.target is None
    assert options.sizes_bytes == (1024, 65536, 1048576)
    assert (options.round_count, options.seconds, options.report) == (5, 5.0, None)


def test_quick_is_shorter_but_what_is_said_wins() -> None:
    """--quick shortens what no other flag says."""
    options = parse_options(["--quick", "--rounds", "7", "--report", "out"])

    assert (options.round_count, options.seconds) == (7, 1.5)
    assert options.report == Path("out")


def test_listings_are_out_of_as_many_keys_as_is_said() -> None:
    """Each count is a listing of its own; quick runs have a small one."""
    assert parse_options([]).listed_counts == (10_000,)
    assert parse_options(["--quick"]).listed_counts == (2_000,)
    assert parse_options(["--listed", "1000,1000000"]).listed_counts == (1_000, 1_000_000)


def test_stores_are_named_with_keys_and_processes() -> None:
    """A target and peers have names, by which --pid refers to them."""
    options = parse_options(
        ["--target", f"a={HERE},key,secret", "--peer", f"b={HERE}/,k,s", "--pid", "b=42"]
    )

    assert options.target == Endpoint("a", "127.0.0.1", 9100, "key", "secret")
    assert [peer.name for peer in options.peers] == ["b"]
    assert options.pids == {"b": 42}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "a=http://x"], "is not NAME=URL,ACCESS_KEY,SECRET_KEY"),
        (["--target", "a=https://x,k,s"], "speaks no TLS"),
        (["--peer", f"rucket={HERE},k,s"], "same name"),
        (["--pid", "other=1"], "no --target or --peer"),
        (["--pid", "rucket=me"], "is not NAME=PID"),
        (["--sizes", "1KiB,huge"], "no size"),
        (["--sizes", "1GiB"], "no size"),
        (["--rounds", "0"], "not within"),
        (["--seconds", "1e9"], "not within"),
        (["--seconds", "soon"], "no number"),
        (["--listed", "1000,1500"], "no multiple of 1000"),
        (["--listed", "0"], "no multiple of 1000"),
    ],
)
def test_wrong_arguments_are_explained(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A usage error ends with 2 and says what is wrong."""
    with pytest.raises(SystemExit) as ended:
        parse_options(arguments)

    assert ended.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("512B", 512), ("1KiB", 1024), ("64 MiB", 64 * 1024 * 1024)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    """Plain bytes and binary units."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "65MiB", "1kb", "KiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """Nothing, too much, and other units."""
    with pytest.raises(ValueError, match=r"no size|not within"):
        parse_size(text)


def test_sizes_are_written_in_the_largest_unit() -> None:
    """What is written can be read back."""
    assert [format_size(size) for size in (3, 1024, 1536, 3145728)] == [
        "3 B",
        "1 KiB",
        "1536 B",
        "3 MiB",
    ]


def test_other_machines_are_refused() -> None:
    """Load goes to loopback only; names are resolved before they are believed."""
    require_loopback(parse_endpoint(f"here={HERE},k,s"))
    require_loopback(parse_endpoint("here=http://localhost:9000,k,s"))

    with pytest.raises(EndpointError, match="not on this machine"):
        require_loopback(parse_endpoint("there=http://192.0.2.1:9000,k,s"))
