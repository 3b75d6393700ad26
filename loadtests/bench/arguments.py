"""The benchmark's command line. Pure."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.endpoints import Endpoint, EndpointError, parse_endpoint

SIZE_UNITS = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024 * 1024}
SIZE_BYTES_MAX = 64 * 1024 * 1024
LISTED_COUNT_STEP = 1000
ROUNDS_MAX = 50
SECONDS_MAX = 120.0
TOLERANCE = 0.25

DESCRIPTION = """\
Measure S3 stores on this machine, side by side: boto3 as a single client, then 16 connections of a
load generator that costs little. Stores take turns in every round. Without --target a Rucket is
started for the run (its settings can be changed by RUCKET__SECTION__FIELD in the environment).
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure, how long, and where to write it."""

    target: Endpoint | None
    peers: tuple[Endpoint, ...]
    pids: dict[str, int]
    sizes_bytes: tuple[int, ...]
    round_count: int
    seconds: float
    warm_up_s: float
    only: re.Pattern[str] | None
    quick: bool
    report: Path | None
    data_dir: Path | None
    listed_counts: tuple[int, ...]
    kept_bucket: str | None
    limits: bool
    cpu_gate: Path | None
    cpu_baseline: Path | None
    tolerance: float
    allow_remote: bool


def parse_options(arguments: Sequence[str]) -> Options:
    """Read the command line; ends the program with a message when it is wrong."""
    parser = _parser()
    found = parser.parse_args(arguments)
    options = Options(
        target=found.target,
        peers=tuple(found.peer),
        pids=dict(found.pid),
        sizes_bytes=found.sizes,
        round_count=found.rounds or (3 if found.quick else 5),
        seconds=found.seconds or (1.5 if found.quick else 5.0),
        warm_up_s=0.3 if found.quick else 1.0,
        only=found.only,
        quick=found.quick,
        report=found.report,
        data_dir=found.data_dir,
        listed_counts=found.listed or ((2_000,) if found.quick else (10_000,)),
        kept_bucket=found.kept_bucket,
        limits=found.limits,
        cpu_gate=found.cpu_gate,
        cpu_baseline=found.write_cpu_baseline,
        tolerance=found.tolerance,
        allow_remote=found.allow_remote,
    )
    names = [peer.name for peer in options.peers]
    names.append(options.target.name if options.target else "rucket")
    if len(set(names)) != len(names):
        parser.error("two stores have the same name")
    unknown = sorted(set(options.pids) - set(names))
    if unknown:
        parser.error(f"--pid names {', '.join(unknown)}, which is no --target or --peer")
    return options


def parse_size(text: str) -> int:
    """Read `64KiB`, `1 MiB` or a plain number of bytes.

    Raises:
        ValueError: It is no size, or a larger one than a single PUT is measured with.
    """
    match = re.fullmatch(r"(\d+)\s*([A-Za-z]*)", text.strip())
    if match is None or match[2] not in SIZE_UNITS:
        raise ValueError(f"{text!r} is no size such as 1KiB or 1MiB")
    size = int(match[1]) * SIZE_UNITS[match[2]]
    if not 0 < size <= SIZE_BYTES_MAX:
        raise ValueError(f"{text!r} is not within 1 byte and {SIZE_BYTES_MAX} bytes")
    return size


def format_size(size_bytes: int) -> str:
    """Write a size as `parse_size` reads it, in the largest unit that divides it."""
    for unit in ("MiB", "KiB"):
        if size_bytes % SIZE_UNITS[unit] == 0:
            return f"{size_bytes // SIZE_UNITS[unit]} {unit}"
    return f"{size_bytes} B"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.bench",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    store = "NAME=URL,ACCESS_KEY,SECRET_KEY"
    parser.add_argument("--target", type=_endpoint, metavar=store, help="the store to judge")
    parser.add_argument(
        "--peer", type=_endpoint, metavar=store, action="append", default=[], help="to compare with"
    )
    parser.add_argument(
        "--pid",
        type=_pid,
        metavar="NAME=PID",
        action="append",
        default=[],
        help="the process whose tree is that store: measures its CPU time and memory",
    )
    parser.add_argument(
        "--sizes",
        type=_sizes,
        default=_sizes("1KiB,64KiB,1MiB"),
        metavar="SIZE,…",
        help="object sizes (1KiB,64KiB,1MiB)",
    )
    parser.add_argument("--rounds", type=_rounds, metavar="N", help="rounds (5; quick: 3)")
    parser.add_argument("--seconds", type=_seconds, metavar="S", help="of each run (5; quick: 1.5)")
    parser.add_argument("--only", type=re.compile, metavar="REGEX", help="workloads by name")
    parser.add_argument("--quick", action="store_true", help="a look, no figure to quote")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write bench.json and bench.md")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where the own Rucket stores")
    parser.add_argument(
        "--listed",
        type=_listed_counts,
        metavar="COUNT,…",
        help="keys that listings are out of (10000; quick: 2000)",
    )
    parser.add_argument(
        "--kept-bucket",
        metavar="NAME",
        help="where the listed keys are put, once for all runs: this bucket is not removed",
    )
    parser.add_argument("--allow-remote", action="store_true", help="permit other machines")
    _add_judging_arguments(parser)
    return parser


def _add_judging_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limits",
        action="store_true",
        help="measure the target beside nginx and beside synced writes (needs nginx and wrk)",
    )
    parser.add_argument(
        "--cpu-gate",
        type=Path,
        metavar="FILE",
        help="end with 3 if a request costs the target's processes more CPU time than FILE says",
    )
    parser.add_argument("--write-cpu-baseline", type=Path, metavar="FILE", help="write that FILE")
    parser.add_argument(
        "--tolerance",
        type=_tolerance,
        default=TOLERANCE,
        metavar="SHARE",
        help=f"how much more the gate lets pass ({TOLERANCE})",
    )


def _endpoint(text: str) -> Endpoint:
    try:
        return parse_endpoint(text)
    except EndpointError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _pid(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PID")
    return name, int(number)


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(parse_size(one) for one in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _listed_counts(text: str) -> tuple[int, ...]:
    counts = text.split(",")
    if not all(one.isdigit() and int(one) and int(one) % LISTED_COUNT_STEP == 0 for one in counts):
        raise argparse.ArgumentTypeError(f"{text!r} has a count that is no multiple of 1000")
    return tuple(int(one) for one in counts)


def _tolerance(text: str) -> float:
    try:
        tolerance = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
    if not 0 <= tolerance <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not within 0 and 1")
    return tolerance


def _rounds(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= ROUNDS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not within 1 and {ROUNDS_MAX}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
    if not 0 < seconds <= SECONDS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not within 0 and {SECONDS_MAX}")
    return seconds
