"""The nemesis: what goes wrong in a run, and when. All of it comes from the seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.world import DEVICES
from tests.simulator.breakable_disk import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.world import Role, World

_PAUSE_S_MAX = 0.5
_DEVICE_FAULTS = (Fault.READ_ONLY, Fault.SYNCS_FAIL, Fault.FULL, Fault.GONE)
_OPERATIONS_AHEAD_MAX = 120
_DELICATE_OPERATIONS_AHEAD_MAX = 4
_DELICATE_WORDS = ("commit", "sync", "sync directory", "link", "rename", "remove", "create")
_TROUBLE_S_MAX = 0.3
_ROOM_LEFT_BYTES_MAX = 256 * 1024


class Nemesis:
    """Breaks things until it is stopped.

    Args:
        world: what is broken.
        disk_fails: whether the disk, too, fails and runs full.
    """

    def __init__(self, world: World, *, disk_fails: bool) -> None:
        self.is_stopped = False
        self.counts: dict[str, int] = {}
        self._world = world
        self._random = world.scheduler.random_stream("nemesis")
        self._deeds: list[tuple[str, Callable[[], None]]] = [
            ("kill the node", world.node.kill),
            ("kill a gateway", self._kill_some_gateway),
            ("kill maintenance", world.maintenance.kill),
            ("cut power", world.cut_power),
            ("kill everything", world.kill_all),
            ("cut power in the middle", self._cut_power_in_the_middle),
            ("kill in the middle", self._kill_in_the_middle),
            ("crash at a delicate moment", self._crash_at_a_delicate_moment),
            ("crash at a delicate moment", self._crash_at_a_delicate_moment),
            ("break a connection", world.network.break_one),
        ]
        if disk_fails:
            self._deeds += [
                ("fail syncs", self._fail_syncs),
                ("fail reads and writes", self._fail_reads_and_writes),
                ("fill the disk", self._fill_disk),
                ("break a device", self._break_device),
                ("break a device", self._break_device),
            ]

    async def run(self) -> None:
        """Does one thing after the other."""
        while True:
            await self._world.client_tasks.sleep(self._random.random() * _PAUSE_S_MAX)
            if self.is_stopped:
                return
            name, deed = self._random.choice(self._deeds)
            self.counts[name] = self.counts.get(name, 0) + 1
            self._world.scheduler.trace.add(self._world.scheduler.now_s, "nemesis", name)
            deed()

    def stop(self) -> None:
        """Has it do nothing more, and mends the disk."""
        self.is_stopped = True
        self._world.machine.forget_crash()
        self._mend_disk()

    def _kill_some_gateway(self) -> None:
        self._random.choice(self._world.gateways).kill()

    def _cut_power_in_the_middle(self) -> None:
        self._world.machine.crash_at_operation(
            self._random.randint(1, _OPERATIONS_AHEAD_MAX), self._world.cut_power
        )

    def _kill_in_the_middle(self) -> None:
        role: Role = self._random.choice(self._world.roles)
        self._world.machine.crash_at_operation(
            self._random.randint(1, _OPERATIONS_AHEAD_MAX), role.kill
        )

    def _crash_at_a_delicate_moment(self) -> None:
        crash = self._random.choice(
            (self._world.cut_power, self._world.node.kill, self._world.kill_all)
        )
        self._world.machine.crash_at_operation(
            self._random.randint(1, _DELICATE_OPERATIONS_AHEAD_MAX),
            crash,
            self._random.choice(_DELICATE_WORDS),
        )

    def _fail_syncs(self) -> None:
        faults = self._world.machine.device.faults
        faults.sync_error_rate = self._random.choice((0.1, 1.0))
        self._mend_disk_later()

    def _fail_reads_and_writes(self) -> None:
        faults = self._world.machine.device.faults
        faults.read_error_rate = self._random.choice((0.0, 0.1))
        faults.write_error_rate = self._random.choice((0.0, 0.1))
        self._mend_disk_later()

    def _fill_disk(self) -> None:
        device = self._world.machine.device
        used_bytes = device.capacity_bytes - device.free_bytes()
        device.capacity_bytes = used_bytes + self._random.randint(0, _ROOM_LEFT_BYTES_MAX)
        self._mend_disk_later()

    def _break_device(self) -> None:
        path = self._random.choice(sorted(DEVICES.values()))
        fault = self._random.choice(_DEVICE_FAULTS)
        self._world.device_faults[path] = fault
        self._mend_disk_later()

    def _mend_disk_later(self) -> None:
        delay_s = self._random.random() * _TROUBLE_S_MAX
        self._world.scheduler.call_later(delay_s, self._mend_disk)

    def _mend_disk(self) -> None:
        device = self._world.machine.device
        self._world.device_faults.clear()
        device.faults.sync_error_rate = 0.0
        device.faults.read_error_rate = 0.0
        device.faults.write_error_rate = 0.0
        device.capacity_bytes = device.capacity_bytes_whole
