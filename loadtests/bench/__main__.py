"""`python -m loadtests.bench`: measure, print, and write a report when all went well."""

import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from statistics import median

from rich.console import Console

from loadtests.bench.arguments import Options, parse_options
from loadtests.bench.client_limits import ClientLimit, near_limits, profile_client
from loadtests.bench.endpoints import EndpointError, require_loopback
from loadtests.bench.figures import Ratio, Sample, Summary, compare, summarize
from loadtests.bench.gate import costs, judge, read_baseline, to_lines, write_baseline
from loadtests.bench.http_load import LoadError
from loadtests.bench.limits import LimitSummary, measure_limits
from loadtests.bench.machine import commit, describe_machine
from loadtests.bench.processes import ProcessTree, own_rucket
from loadtests.bench.report import Report, print_report, write_report
from loadtests.bench.runner import Contestant, measure, workloads
from loadtests.bench.store import Store
from loadtests.bench.workloads import Workload
from loadtests.bench.yardstick import measure_yardstick_s

FAILED = 1
TOO_DEAR = 3
INTERRUPTED = 130
FILE_WIDTH = 160


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; return the exit code."""
    options = parse_options(arguments)
    console = Console()
    if not console.is_terminal:
        console.width = FILE_WIDTH
    messages = Console(stderr=True)
    try:
        report = _bench(options, _without_secrets(arguments), messages)
    except (EndpointError, LoadError) as error:
        for one in _chain(error):
            messages.print(str(one), style="red", markup=False)
        messages.print("Nothing was written.", style="red")
        return FAILED
    except KeyboardInterrupt:
        messages.print("Interrupted; nothing was written.", style="red")
        return INTERRUPTED
    print_report(report, console)
    if options.report is not None:
        write_report(report, options.report)
        messages.print(f"written to {options.report}")
    if report.verdicts:
        lines = "\n".join(to_lines(report.verdicts))
        messages.print(lines, markup=False, highlight=False, soft_wrap=True)
    return TOO_DEAR if any(one.is_exceeded for one in report.verdicts) else 0


def _chain(error: BaseException | None) -> list[BaseException]:
    """What went wrong first, then what went wrong while cleaning up after it."""
    found: list[BaseException] = []
    while error is not None:
        if isinstance(error, EndpointError | LoadError):
            found.insert(0, error)
        error = error.__context__
    return found


def _bench(options: Options, command: str, messages: Console) -> Report:
    chosen = workloads(options)
    if not chosen:
        raise EndpointError("no workload has a name that --only matches")
    baseline = read_baseline(options.cpu_gate) if options.cpu_gate is not None else None
    machine = describe_machine(options.data_dir or Path(tempfile.gettempdir()))
    with ExitStack() as stack:
        contestants, servers = _contestants(options, stack)
        yardsticks_s = [measure_yardstick_s()]
        target = contestants[0].store
        with messages.status("starting") as status:
            samples = measure(contestants, chosen, options, status.update)
            yardsticks_s.append(measure_yardstick_s())
            summaries, ratios = _figures(samples, [one.store.name for one in contestants])
            client_limits = _client_limits(summaries, target, chosen, options)
            limits = _limits(target, options, status.update)
    found = costs(samples, target.name, median(yardsticks_s))
    if options.cpu_baseline is not None:
        write_baseline(options.cpu_baseline, found)
    return Report(
        command=command,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=commit(),
        quick=options.quick,
        machine=machine,
        servers=servers,
        summaries=summaries,
        ratios=ratios,
        client_limits=client_limits,
        limits=limits,
        costs=found,
        verdicts=judge(found, baseline, options.tolerance) if baseline is not None else [],
    )


def _client_limits(
    summaries: Sequence[Summary], target: Store, chosen: Sequence[Workload], options: Options
) -> list[ClientLimit]:
    by_name = {workload.name: workload for workload in chosen}
    return [
        replace(one, functions=profile_client(by_name[one.workload], target, options.seconds))
        for one in near_limits(summaries, target.name)
    ]


def _limits(target: Store, options: Options, progress: Callable[[str], None]) -> list[LimitSummary]:
    if not options.limits:
        return []
    disk = options.data_dir or Path(tempfile.gettempdir())
    return measure_limits(target, disk, options.round_count, options.seconds, progress)


def _contestants(options: Options, stack: ExitStack) -> tuple[list[Contestant], dict[str, str]]:
    """Open all stores, the target first; `stack` removes what was made."""
    pids = dict(options.pids)
    target = options.target
    for endpoint in (target, *options.peers):
        if endpoint is not None and not options.allow_remote:
            require_loopback(endpoint)
    if target is None:
        target, pids["rucket"] = stack.enter_context(own_rucket(options.data_dir))
    contestants = []
    servers = {}
    for endpoint in (target, *options.peers):
        store = Store(endpoint, options.kept_bucket)
        servers[store.name] = store.open()
        if endpoint is options.target or endpoint in options.peers:
            stack.callback(store.close)  # what an own Rucket holds goes with its directory
        pid = pids.get(store.name)
        contestants.append(Contestant(store, ProcessTree(pid) if pid is not None else None))
    return contestants, servers


def _figures(
    samples: Sequence[Sample], store_names: Sequence[str]
) -> tuple[list[Summary], list[Ratio]]:
    summaries = []
    ratios = []
    for _, same_workload in groupby(samples, key=lambda one: one.workload):
        rounds = list(same_workload)
        by_store = {
            name: sorted(
                (one for one in rounds if one.store == name), key=lambda one: one.round_index
            )
            for name in store_names
        }
        summaries += [summarize(by_store[name]) for name in store_names]
        target, *peers = store_names
        ratios += [compare(by_store[target], by_store[peer]) for peer in peers]
    return summaries, ratios


def _without_secrets(arguments: Sequence[str]) -> str:
    """The command for the report; keys are left out."""
    shown = [
        one.partition(",")[0] + ",…,…" if one.count(",") == 2 and "://" in one else one
        for one in arguments
    ]
    return shlex.join(["python", "-m", "loadtests.bench", *shown])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
