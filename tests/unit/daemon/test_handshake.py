"""The order that a child is started with."""

import pytest

from rucket.daemon.handshake import ChildOrder, decode_order, encode_order
from rucket.daemon.settings import Settings

ORDER = ChildOrder("gateway", "gateway-1", 42, "/data/run/metrics")


def test_an_order_arrives_as_it_was_sent() -> None:
    """With all settings."""
    settings = Settings()

    assert decode_order(encode_order(ORDER, settings)) == (ORDER, settings)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.99])
def test_a_part_of_an_order_is_none(share: float) -> None:
    """Whoever sent it went away meanwhile."""
    text = encode_order(ORDER, Settings())

    assert decode_order(text[: int(len(text) * share)]) is None
