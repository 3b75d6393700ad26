"""The two small files of a data directory: once a server has used them, they are there for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.daemon.data_directory import DataDirectory
from tests.simulator.process import SimulatedRandom
from tests.storage.images import Camera, Image, blank_image, restore
from tests.storage.survivors import Thoroughness, after_power_cut

if TYPE_CHECKING:
    from collections.abc import Callable

_ROOT = "/data"


def _start(
    image: Image, seed: str, crash_point: Callable[[str, Camera], None]
) -> tuple[str, bytes]:
    """What a node that starts finds, or makes: its id and its sealing key."""
    machine, index_file = restore(image, seed)
    camera = Camera(machine, index_file)
    machine.device.crash_point = lambda what: crash_point(what, camera)
    directory = DataDirectory(_ROOT, machine.device.attach(machine.start("node")))
    random = SimulatedRandom(machine.scheduler, seed)
    identity = directory.prepare(machine.clock, random)
    key = directory.make_sealing_key(random)
    crash_point("the end", camera)
    return identity.node_id, key


def _moments(image: Image, seed: str) -> tuple[tuple[str, bytes], list[Image]]:
    images: list[Image] = []
    found = _start(image, seed, lambda _, camera: images.append(camera.take()))
    return found, images


def test_files_are_whole_or_absent_after_a_cut() -> None:
    """A first start that the power ends anywhere is followed by one that works; after one that has
    come to its end everything is as it was.
    """
    first, images = _moments(blank_image(("/", _ROOT)), "first")

    for number, image in enumerate(images):
        for survivor in after_power_cut(image, Thoroughness(), number):
            second, _ = _moments(survivor.image, f"second {number}")
            assert image is not images[-1] or second == first


def test_files_that_were_used_stay() -> None:
    """What a node has found, after the one before was killed at any moment, survives a cut."""
    _, images = _moments(blank_image(("/", _ROOT)), "first")

    for number, killed in enumerate(images):
        second, later = _moments(killed, f"second {number}")
        for survivor in after_power_cut(later[-1], Thoroughness(), number):
            third, _ = _moments(survivor.image, f"third {number}")
            assert third == second
