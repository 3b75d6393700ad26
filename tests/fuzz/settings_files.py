"""The decoder of ``rucket.toml``."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from rucket.daemon.settings import Settings
from rucket.daemon.settings_sources import load_settings
from rucket.model.errors import ConfigurationError
from tests.fuzz.decoder import Decoder

_WHOLE = b"""
[server]
bind = "127.0.0.1:9000"
workers = 2
region = "us-east-1"
domains = ["s3.localhost"]
shutdown_timeout_s = 15
[storage]
data_dir = "./data"
[auth]
access_key = "rucket"
secret_key = "rucket123"
[[auth.users]]
name = "alice"
display_name = "Alice"
email = "alice@example.com"
access_key = "alice-key"
secret_key = "alice-secret"
[metrics]
enabled = true
port = 9001
[logging]
level = "info"
log_requests = true
"""


def check_settings(data: bytes) -> None:
    """A file of settings: an error that a person can mend, or settings that come back."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "rucket.toml"
        path.write_bytes(data)
        with suppress(ConfigurationError):
            settings = load_settings(path, {})
            assert Settings.from_json(settings.to_json()) == settings


SETTINGS_FILES = [
    Decoder(
        "settings",
        check_settings,
        (
            _WHOLE,
            b'[server]\nbind = "[::1]:1"\nworkers = 0x10',
            b"[server]\ndomains = [[['a']]]",
            b"[server]\nworkers = 11111111\n[storage]\ndata_dir = {a.b.c = 1}",
        ),
    )
]
