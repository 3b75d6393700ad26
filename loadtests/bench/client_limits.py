"""Where the client is what is measured: its own time for a request, what no store could exceed
with it, and what it spends that time on.
"""

import cProfile
import pstats
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.figures import Summary
from loadtests.bench.store import Store
from loadtests.bench.workloads import Workload

US = 1_000_000
NEAR = 0.5
FUNCTION_COUNT = 6


@dataclass(frozen=True, slots=True)
class ClientLimit:
    """One workload whose client is near its own limit.

    Attributes:
        client_cpu_us: what a request costs the client.
        per_second_max: what it could do if servers took no time, on a core of its own.
        reached: the target's rate by that.
        ratios_max: by peer, what the target's ratio to it could be at most.
        functions: where the client's time goes, largest first, as text.
    """

    workload: str
    client_cpu_us: float
    per_second_max: float
    reached: float
    ratios_max: dict[str, float]
    functions: tuple[str, ...]


def near_limits(summaries: Sequence[Summary], target: str) -> list[ClientLimit]:
    """The workloads in which the target does half or more of what the client can do at all."""
    found = []
    for ours in summaries:
        per_second_max = US / ours.client_cpu_us_per_unit
        if ours.store != target or ours.per_second < NEAR * per_second_max:
            continue
        ratios_max = {
            peer.store: per_second_max / peer.per_second
            for peer in summaries
            if peer.workload == ours.workload and peer.store != target
        }
        found.append(
            ClientLimit(
                workload=ours.workload,
                client_cpu_us=ours.client_cpu_us_per_unit,
                per_second_max=per_second_max,
                reached=ours.per_second / per_second_max,
                ratios_max=ratios_max,
                functions=(),
            )
        )
    return found


def profile_client(workload: Workload, store: Store, seconds: float) -> tuple[str, ...]:
    """Where the client's time goes in one more run, which counts for nothing else.

    Waiting is left out. The profiler makes calls of Python dearer than they are, so the shares say
    what matters and not how much.
    """
    staged = workload.stage(store)
    profile = cProfile.Profile()
    profile.enable()
    try:
        staged.run(seconds)
    finally:
        profile.disable()
    return _top_functions(pstats.Stats(profile))


def _top_functions(stats: pstats.Stats) -> tuple[str, ...]:
    own_s = {
        f"{Path(row.file_name).stem}.{name}" if row.file_name != "~" else name: row.tottime
        for name, row in stats.get_stats_profile().func_profiles.items()
        if not _is_waiting(name)
    }
    total_s = sum(own_s.values()) or 1.0
    top = sorted(own_s, key=lambda name: own_s[name], reverse=True)[:FUNCTION_COUNT]
    return tuple(f"{own_s[name] / total_s:.0%} {name}" for name in top)


def _is_waiting(name: str) -> bool:
    return "poll" in name or "select" in name or "sleep" in name
