"""Rendering a node's rucket.toml."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket_platform.settings_file.server_config import ServerSettings, join_address, render

_CHARACTERS = st.characters(codec="utf-8")


def settings(**sections: Any) -> ServerSettings:
    return ServerSettings(
        bind="127.0.0.1",
        port=9000,
        metrics_port=9001,
        s3_region="eu",
        data_dir="/data",
        access_key_id="root",
        secret_access_key="hush",
        sections=sections,
    )


def test_every_setting_lies_where_the_server_reads_it() -> None:
    """The topology's own values and further sections end in one document."""
    read = tomllib.loads(render(settings(server={"workers": 2}, logging={"level": "debug"})))

    assert read == {
        "server": {"bind": "127.0.0.1:9000", "region": "eu", "workers": 2},
        "storage": {"data_dir": "/data"},
        "auth": {"access_key": "root", "secret_key": "hush"},
        "metrics": {"enabled": True, "bind": "127.0.0.1", "port": 9001},
        "logging": {"level": "debug"},
    }


def test_a_dotted_section_is_a_nested_table() -> None:
    """`storage.sync` is the server's table of that name."""
    read = tomllib.loads(render(settings(**{"storage.sync": {"metadata": "always"}})))

    assert read["storage"]["sync"] == {"metadata": "always"}


def test_the_order_of_keys_does_not_matter() -> None:
    """The engine gives maps back in any order; the text must stay the same."""
    one = settings(logging={"level": "info", "format": "json"}, server={"workers": 1})
    other = settings(server={"workers": 1}, logging={"format": "json", "level": "info"})

    assert render(one) == render(other)


@given(
    st.dictionaries(
        st.text(_CHARACTERS, min_size=1, max_size=8),
        st.one_of(
            st.text(_CHARACTERS),
            st.integers(-(2**40), 2**40),
            st.booleans(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.lists(st.text(_CHARACTERS, max_size=4), max_size=3),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_value_survives_the_round_trip(values: dict[str, Any]) -> None:
    """Whatever the stack file says, the server reads."""
    assert tomllib.loads(render(settings(extra=values)))["extra"] == values


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1", "127.0.0.1:9000"), ("::1", "[::1]:9000")]
)
def test_addresses_are_joined_as_urls_want_them(host: str, address: str) -> None:
    """IPv6 addresses stand in brackets."""
    assert join_address(host, 9000) == address
