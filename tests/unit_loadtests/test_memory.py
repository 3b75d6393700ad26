"""Figures of memory."""

from loadtests.bench.memory import MIB, Memory


def test_a_connection_takes_what_all_of_them_added() -> None:
    """Against the filled store, not the empty one."""
    memory = Memory(
        object_count=1_000_000,
        empty=100 * MIB,
        filled=200 * MIB,
        connection_count=1024,
        with_connections=208 * MIB,
        after_connections=201 * MIB,
    )

    assert memory.per_connection == 8 * 1024
    assert any("8.0 KiB" in line for line in memory.lines())
    assert any(line.startswith("1,000,000 objects, idle") for line in memory.lines())
