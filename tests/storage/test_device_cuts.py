"""The numbers of devices: whatever a start has begun to use, no power cut gives to another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.store.blobs.device_preparation import DevicePlaces, NodeOfDevices, prepare_devices
from tests.simulator.process import SimulatedRandom
from tests.storage.images import Camera, Image, blank_image, restore
from tests.storage.survivors import Thoroughness, after_power_cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.store.blobs.device_records import KnownDevice

_DEVICES = ["/one", "/two"]
_PLACES = DevicePlaces("/data", "/data/devices.json", "/data/run/devices")


def _start(
    image: Image, seed: str, configured: list[str], crash_point: Callable[[str, Camera], None]
) -> dict[str, tuple[int, str]]:
    """What a server that starts calls its devices: number and id of each path."""
    machine, index_file = restore(image, seed)
    camera = Camera(machine, index_file)
    machine.device.crash_point = lambda what: crash_point(what, camera)
    disk = machine.device.attach(machine.start("supervisor"))

    def make_directories(device: KnownDevice) -> None:
        disk.make_directory(f"{device.path}/files")

    devices = prepare_devices(
        disk,
        _PLACES,
        NodeOfDevices("node", make_directories),
        configured,
        SimulatedRandom(machine.scheduler, seed),
    )
    crash_point("the end", camera)
    return {device.path: (device.number, device.device_id) for device in devices}


def test_numbers_stay_whenever_the_power_goes() -> None:
    """A start that the power ends anywhere is followed by one that works, also with the devices in
    another order; what a start has come to its end with stays.
    """
    images: list[Image] = []
    blank = blank_image(("/", "/data"))
    first = _start(blank, "first", _DEVICES, lambda _, camera: images.append(camera.take()))

    cut_count = 0
    for number, image in enumerate(images):
        for survivor in after_power_cut(image, Thoroughness(), number):
            again = _DEVICES[::-1] if number % 2 else _DEVICES
            second = _start(survivor.image, f"second {number}", again, lambda _, __: None)
            cut_count += 1
            assert sorted(second[path][0] for path in _DEVICES) == [1, 2]
            assert image is not images[-1] or second == first
    assert cut_count > len(images) > 20
