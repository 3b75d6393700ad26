"""What an operator can do about encryption while objects come and go: none of it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from rucket.service.encryption.key_ring import KeyRing, MasterKey
from rucket.service.encryption.object_encryption import ObjectEncryption
from rucket.service.key_rotation import KeyRotation

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway
    from tests.model.node import Node

_OLD, _NEW = MasterKey(b"o" * 32), MasterKey(b"n" * 32)
_ENCRYPTIONS = {
    "off": ObjectEncryption(KeyRing(_OLD, (_NEW,))),
    "on": ObjectEncryption(KeyRing(_OLD, (_NEW,)), is_on=True),
    "on, with the new key": ObjectEncryption(KeyRing(_NEW, (_OLD,)), is_on=True),
}


class EncryptionRules(RuleBasedStateMachine):
    """Rules of the machine that are about encryption."""

    node: Node

    @rule(name=st.sampled_from(sorted(_ENCRYPTIONS)))
    def configure_encryption(self, name: str) -> None:
        """From now on, for new objects and copies."""
        self.node.use(_ENCRYPTIONS[name])

    @rule()
    def rotate_keys(self) -> None:
        """Everything under a previous key comes under the active one, at once."""
        self.node.run(_rotate(self.node.gateway))


class _Quiet:
    def looked_at(self, row_count: int, rewrapped_count: int) -> None:
        """See `RotationObserver.looked_at`."""


async def _rotate(gateway: Gateway) -> None:
    ring = gateway.encryption.ring
    if ring is None:
        return
    rotation = KeyRotation(gateway, ring, _Quiet())
    while not rotation.is_complete:
        await rotation.step()
    assert not rotation.unreadable_count
    again = KeyRotation(gateway, ring, _Quiet())
    while not again.is_complete:
        await again.step()
    assert not again.rewrapped_count
