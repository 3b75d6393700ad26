"""wrk, the cheapest client there is, with requests made before: for limits, where the client's own
time would show. Source: wrk 4.1.0, SCRIPTING.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.endpoints import EndpointError
from loadtests.bench.http_load import LoadError

CONNECTION_COUNT = 16
TIMEOUT_S = 60.0
SCRIPT = """\
local targets = {{ {targets} }}
local requests = {{}}
local number = 0
function init(arguments)
    for index, target in ipairs(targets) do requests[index] = wrk.format("GET", target) end
end
function request()
    number = number % #requests + 1
    return requests[number]
end
"""
UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Rate:
    """What wrk saw."""

    per_second: float
    p99_ms: float


def run_wrk(host: str, port: int, targets: Sequence[str], seconds: float, script: Path) -> Rate:
    """GET the targets, one after the other, on 16 connections of one thread.

    Raises:
        EndpointError: wrk isn't installed.
        LoadError: An answer was no success, or none came.
    """
    if shutil.which("wrk") is None:
        raise EndpointError("wrk is needed for --limits (on Debian: apt-get install wrk)")
    quoted = ", ".join(f'"{target}"' for target in targets)
    script.write_text(SCRIPT.format(targets=quoted), encoding="utf-8")
    command = ["wrk", "-t1", f"-c{CONNECTION_COUNT}", f"-d{max(1, round(seconds))}s", "--latency"]
    done = subprocess.run(
        [*command, "-s", str(script), f"http://{host}:{port}"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S + seconds,
        check=False,
    )
    return read_output(done.stdout + done.stderr)


def read_output(text: str) -> Rate:
    """Read what wrk printed.

    Raises:
        LoadError: Something went wrong with the requests.
    """
    for sign in ("Non-2xx", "Socket errors"):
        if sign in text:
            raise LoadError(f"wrk: {text[text.index(sign) :].splitlines()[0]}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", text)
    if rate is None or p99 is None or not float(rate[1]):
        raise LoadError(f"wrk printed no rate: {text[-500:]}")
    return Rate(float(rate[1]), float(p99[1]) * UNITS_MS[p99[2]])
