"""What a child process inherits."""

from __future__ import annotations

from rucket.daemon.process import _environment


def test_children_inherit_no_settings() -> None:
    """They could be secrets; those come by the order."""
    inherited = _environment({"RUCKET__AUTH__SECRET": "x", "rucket__a__b": "y", "LANG": "C"})

    assert inherited["LANG"] == "C"
    assert not [name for name in inherited if "rucket" in name.lower()]


def test_the_allocator_keeps_buffers_unless_the_operator_says_otherwise() -> None:
    """Who sets glibc's variables knows why."""
    inherited = _environment({"MALLOC_ARENA_MAX": "7"})

    assert inherited["MALLOC_ARENA_MAX"] == "7"
    assert int(inherited["MALLOC_TRIM_THRESHOLD_"]) > int(inherited["MALLOC_MMAP_THRESHOLD_"])
