"""The scenarios. Times are seconds of the scenario's own clock."""

from __future__ import annotations

from chaos.faults import ClockJump, DiskFull, KillAll, KillOne, Network, Pause, Unreachable
from chaos.scenario import Hypothesis, Load, Need, Planned, Scenario
from rucket_platform.faults.processes import Role
from rucket_platform.faults.toxiproxy import Toxic

_SERVED_ALL_THE_WHILE = Hypothesis(fault_success_share_min=0.99)
_OWN = frozenset({Need.OWN_SERVER})
_SMALL_BODIES = Load(sizes_bytes=(100, 9_000, 60_000))
_VERSIONED = Load(sizes_bytes=(100, 9_000, 60_000), keeps_versions=True)
_SMALL_STORE = {
    "storage.wal": {"segment_size_bytes": 4 * 1024 * 1024},
}

_NETWORK = (
    Scenario(
        "latency",
        "A slow line costs time and nothing else.",
        (Planned(Network("150 ms", (Toxic("latency", attributes={"latency": 150}),)), 4, 8),),
        hypothesis=_SERVED_ALL_THE_WHILE,
    ),
    Scenario(
        "jitter",
        "A line whose delay changes from packet to packet costs time and nothing else.",
        (
            Planned(
                Network(
                    "10 to 250 ms each way",
                    (
                        Toxic("latency", attributes={"latency": 130, "jitter": 120}),
                        Toxic("latency", "upstream", attributes={"latency": 130, "jitter": 120}),
                    ),
                ),
                4,
                8,
            ),
        ),
        hypothesis=_SERVED_ALL_THE_WHILE,
    ),
    Scenario(
        "bandwidth",
        "Bodies that trickle at 400 KB/s are neither cut nor refused.",
        (
            Planned(
                Network(
                    "400 KB/s",
                    (
                        Toxic("bandwidth", attributes={"rate": 400}),
                        Toxic("bandwidth", "upstream", attributes={"rate": 400}),
                    ),
                ),
                4,
                8,
            ),
        ),
        load=_SMALL_BODIES,
        hypothesis=_SERVED_ALL_THE_WHILE,
    ),
    Scenario(
        "slicer",
        "Requests and answers in crumbs of 64 bytes are understood as if whole.",
        (
            Planned(
                Network(
                    "crumbs",
                    (
                        Toxic("slicer", "upstream", attributes={"average_size": 64, "delay": 50}),
                        Toxic("slicer", attributes={"average_size": 64, "delay": 50}),
                    ),
                ),
                4,
                8,
            ),
        ),
        load=Load(sizes_bytes=(100, 2_000, 9_000)),
        hypothesis=_SERVED_ALL_THE_WHILE,
    ),
    Scenario(
        "reset",
        "A connection that is reset in the middle leaves no half object.",
        (
            Planned(
                Network("resets", (Toxic("reset_peer", toxicity=0.5, attributes={"timeout": 20}),)),
                4,
                8,
            ),
        ),
    ),
    Scenario(
        "reset-upload",
        "An upload that is reset on its way to the server leaves no half object.",
        (
            Planned(
                Network(
                    "resets on the way up",
                    (Toxic("reset_peer", "upstream", 0.5, {"timeout": 20}),),
                ),
                4,
                8,
            ),
        ),
    ),
    Scenario(
        "cut-answers",
        "Answers that end after 50 KB are seen to be short, never taken for whole.",
        (Planned(Network("50 KB", (Toxic("limit_data", attributes={"bytes": 50_000}),)), 4, 8),),
    ),
    Scenario(
        "black-hole",
        "Bytes that vanish in both directions end in a time-out; the outcome stays open.",
        (
            Planned(
                Network(
                    "nothing gets through",
                    (
                        Toxic("timeout", attributes={"timeout": 0}),
                        Toxic("timeout", "upstream", attributes={"timeout": 0}),
                    ),
                ),
                5,
                5,
            ),
        ),
        duration_s=22,
    ),
    Scenario(
        "one-way",
        "Requests arrive, answers don't: what was done stays done, though nobody was told.",
        (Planned(Network("no answers", (Toxic("timeout", attributes={"timeout": 0}),)), 5, 5),),
        duration_s=22,
    ),
    Scenario(
        "flapping",
        "A line that goes down and up again is used whenever it is up.",
        tuple(Planned(Unreachable(), start_s, 1) for start_s in (4.0, 6.5, 9.0, 11.5)),
        duration_s=20,
    ),
)

_PROCESSES = (
    Scenario(
        "kill-all",
        "kill -9 of the whole server loses nothing that was acknowledged.",
        (Planned(KillAll(), 5, 1), Planned(KillAll(), 11, 1)),
        duration_s=22,
        needs=frozenset({Need.COMMAND}),
    ),
    Scenario(
        "restart-storm",
        "Killed again right after every start, it still comes back with everything.",
        tuple(Planned(KillAll(), 4 + 2.5 * number, 0.2) for number in range(5)),
        duration_s=26,
        needs=frozenset({Need.COMMAND}),
        hypothesis=Hypothesis(calm_success_share_min=0.9, recovery_s_max=15),
    ),
    Scenario(
        "kill-node",
        "The process that commits is killed; it comes back by itself, commits in doubt included.",
        (
            Planned(KillOne(Role.NODE), 4, 0.5),
            Planned(KillOne(Role.NODE), 9, 0.5),
        ),
        needs=_OWN,
    ),
    Scenario(
        "kill-gateway",
        "One of the processes that clients talk to is killed; the others serve on.",
        tuple(Planned(KillOne(Role.GATEWAY), start_s, 0.5) for start_s in (4.0, 7.0, 10.0)),
        needs=_OWN,
    ),
    Scenario(
        "kill-maintenance",
        "Whoever collects garbage is killed; clients don't notice.",
        tuple(Planned(KillOne(Role.MAINTENANCE), start_s, 0.5) for start_s in (4.0, 7.0, 10.0)),
        needs=_OWN,
        hypothesis=_SERVED_ALL_THE_WHILE,
    ),
    Scenario(
        "pause-node",
        "The process that commits stands still for five seconds: late answers, no wrong ones.",
        (Planned(Pause(Role.NODE), 5, 5),),
        duration_s=22,
        needs=_OWN,
    ),
    Scenario(
        "pause-all",
        "All processes stand still, as on a machine that is suspended, and go on.",
        (Planned(Pause(Role.GROUP), 5, 4),),
        duration_s=20,
        needs=_OWN,
    ),
)

_MACHINE = (
    Scenario(
        "disk-full",
        "With no room left writes are refused and reads go on; with room again all is well.",
        (Planned(DiskFull(), 5, 6),),
        duration_s=24,
        needs=frozenset({Need.OWN_SERVER, Need.SMALL_DISK}),
        load=_SMALL_BODIES,
        hypothesis=Hypothesis(fault_success_share_min=0.15),
        settings=_SMALL_STORE,
    ),
    Scenario(
        "clock-ahead",
        "The server's clock jumps five minutes ahead and back: nothing goes back in time.",
        (Planned(ClockJump(300), 5, 5),),
        needs=frozenset({Need.OWN_SERVER, Need.FAKE_CLOCK}),
        hypothesis=_SERVED_ALL_THE_WHILE,
    ),
    Scenario(
        "clock-behind",
        "The server's clock falls five minutes behind: newer versions still look newer.",
        (Planned(ClockJump(-300), 5, 5),),
        needs=frozenset({Need.OWN_SERVER, Need.FAKE_CLOCK}),
        hypothesis=_SERVED_ALL_THE_WHILE,
    ),
)

_VERSIONS = (
    Scenario(
        "versions-reset",
        "Over connections that break no version is lost, changed or out of order.",
        (
            Planned(
                Network(
                    "resets both ways",
                    (
                        Toxic("reset_peer", toxicity=0.3, attributes={"timeout": 20}),
                        Toxic("reset_peer", "upstream", 0.3, {"timeout": 20}),
                    ),
                ),
                4,
                8,
            ),
        ),
        load=_VERSIONED,
        needs=frozenset({Need.VERSIONS}),
    ),
    Scenario(
        "versions-kill",
        "kill -9 of the whole server loses, changes and reorders no acknowledged version.",
        (Planned(KillAll(), 5, 1), Planned(KillAll(), 11, 1)),
        duration_s=22,
        load=_VERSIONED,
        needs=frozenset({Need.COMMAND, Need.VERSIONS}),
    ),
)

SCENARIOS: tuple[Scenario, ...] = (*_NETWORK, *_PROCESSES, *_MACHINE, *_VERSIONS)
