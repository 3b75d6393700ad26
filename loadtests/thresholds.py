"""What a run has to keep, in a TOML file; it decides the exit code.

```toml
[total]                  # all operations together
throughput_min = 500     # successes a second
error_share_max = 0.001

[operations.GetObject]   # any of these, for any operation
p50_ms_max = 20
p95_ms_max = 50
p99_ms_max = 100
error_share_max = 0
throughput_min = 100
```

An operation that is named and didn't happen is a miss: a threshold that nothing was held against
proves nothing. Wrong bytes are a miss without being named.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from loadtests.errors import LoadTestError
from loadtests.recording import Operation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Limits:
    """For one operation; None where nothing is asked."""

    p50_ms_max: float | None = None
    p95_ms_max: float | None = None
    p99_ms_max: float | None = None
    error_share_max: float | None = None
    throughput_min: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One limit held against what was measured."""

    operation: str
    what: str
    limit: float
    measured: float | None
    kept: bool


def read_thresholds(path: Path) -> dict[str, Limits]:
    """Limits by operation, `TOTAL` for all together.

    Raises:
        LoadTestError: The file can't be read, or says something else than limits.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoadTestError(f"the thresholds can't be read: {error}") from error
    if unknown := sorted(set(content) - {TOTAL, "operations"}):
        raise LoadTestError(f"{path} has a table {unknown[0]}; there are only total, operations")
    found = {
        name: _limits(path, name, body) for name, body in content.get("operations", {}).items()
    }
    if TOTAL in content:
        found[TOTAL] = _limits(path, TOTAL, content[TOTAL])
    if not found:
        raise LoadTestError(f"{path} has no thresholds")
    return found


def _limits(path: Path, name: str, body: Any) -> Limits:
    known = [entry.name for entry in fields(Limits)]
    if not isinstance(body, dict):
        raise LoadTestError(f"{path}: {name} is not a table")
    if unknown := sorted(set(body) - set(known)):
        raise LoadTestError(f"{path}: {name} has no {unknown[0]}; there are {', '.join(known)}")
    for key, value in body.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise LoadTestError(f"{path}: {name}.{key} is not a number from 0 on")
    return Limits(**body)


def check_thresholds(
    thresholds: Mapping[str, Limits], operations: Mapping[str, Operation], duration_s: float
) -> list[Check]:
    """Every limit held against the operations of `duration_s` seconds."""
    total = Operation()
    for operation in operations.values():
        total.add(operation)
    checks = []
    for name, limits in thresholds.items():
        operation = total if name == TOTAL else operations.get(name, Operation())
        checks += _checks(name, limits, operation, duration_s)
    return checks


def _checks(name: str, limits: Limits, operation: Operation, duration_s: float) -> list[Check]:
    latency = operation.latency
    share = operation.errors.total() / operation.count if operation.count else None
    throughput = latency.count / duration_s if duration_s > 0 else None
    measured = {
        "p50_ms_max": latency.percentile_ms(0.50),
        "p95_ms_max": latency.percentile_ms(0.95),
        "p99_ms_max": latency.percentile_ms(0.99),
        "error_share_max": share,
        "throughput_min": throughput,
    }
    found = []
    for what, value in measured.items():
        limit = getattr(limits, what)
        if limit is not None:
            kept = value is not None and (
                value >= limit if what.endswith("_min") else value <= limit
            )
            found.append(Check(name, what, limit, value, kept))
    return found
