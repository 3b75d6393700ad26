"""Where settings come from, and what is said about wrong ones."""

from pathlib import Path

import pytest

from rucket.daemon import settings_sources
from rucket.daemon.settings_sources import NO_CLUSTER_YET, load_settings
from rucket.model.errors import ConfigurationError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file, in an empty directory that we are in."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "rucket.toml"
    path.touch()
    return path


def refusal(file: Path | None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file, {})
    return str(caught.value)


def test_the_last_word_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line over the environment over the file, field by field."""
    file.write_text(
        '[server]\nbind = "127.0.0.1:1"\nregion = "one"\nworkers = 1\n[storage]\ndata_dir = "d"'
    )
    monkeypatch.setenv("RUCKET__SERVER__BIND", "127.0.0.1:2")
    monkeypatch.setenv("RUCKET__SERVER__REGION", "two")
    monkeypatch.setenv("RUCKET__STORAGE__WAL__SEGMENT_SIZE_BYTES", "1048576")

    settings = load_settings(
        file, {"server": {"bind": "127.0.0.1:3"}, "storage": {"data_dir": None}}
    )

    assert settings.server.bind == "127.0.0.1:3"
    assert settings.server.region == "two"
    assert settings.server.workers == 1
    assert settings.storage.wal.segment_size_bytes == 1024 * 1024
    assert settings.storage.data_dir == file.parent / "d"


def test_the_usual_places_are_looked_at_in_order(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """./rucket.toml, then the system's, then none."""
    system = tmp_path / "system.toml"
    system.write_text('[server]\nregion = "system"')
    monkeypatch.setattr(settings_sources, "SETTINGS_FILES", (Path("rucket.toml"), system))
    file.write_text('[server]\nregion = "here"')

    assert load_settings(None, {}).server.region == "here"
    file.unlink()
    assert load_settings(None, {}).server.region == "system"
    system.unlink()
    assert load_settings(None, {}).server.region == "us-east-1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nbnd = 1", "there is no setting server.bnd; did you mean server.bind?"),
        ("[servr]\nbind = 1", "there is no setting servr; did you mean server?"),
        ("[server]\ndata_dir = 1", "no setting server.data_dir; did you mean storage.data_dir?"),
        ("[storage.wal]\nsync_mode = 1", "there is no setting storage.wal.sync_mode"),
        ("[storage.sync]\ndate = 1", "there is no setting storage.sync"),
        ("[[auth.users]]\nnaem = 1", "no setting auth.users.naem; did you mean auth.users.name?"),
        ("[cluster]\nenabled = false", NO_CLUSTER_YET),
        ("[server]\nworkers = 0", "server.workers: Input should be greater than or equal to 1"),
        ("server = 1", "server: this is a table, not a value"),
        ('[[auth.users]]\nname = "a"', "auth.users[0].access_key: Field required"),
        ("[server", "is not TOML"),
    ],
)
def test_errors_in_the_file_name_file_and_key(file: Path, text: str, message: str) -> None:
    """And the setting that was probably meant."""
    file.write_text(text)

    said = refusal(file)

    assert message in said
    assert str(file) in said


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("RUCKET__SERVER__BND", "1", "server.bnd; did you mean server.bind?"),
        ("rucket__server__bnd", "1", "server.bnd; did you mean server.bind?"),
        ("RUCKET__NOTHING", "1", "there is no setting nothing"),
        ("RUCKET__CLUSTER__ENABLED", "true", NO_CLUSTER_YET),
        ("RUCKET__SERVER__WORKERS", "many", "server.workers"),
        ("RUCKET__SERVER__DOMAINS", "a.example", "lists are written as JSON"),
    ],
)
def test_errors_in_the_environment_are_named(
    file: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    """A variable that nobody obeys is no less an error than a key in the file."""
    monkeypatch.setenv(variable, value)

    said = refusal(file)

    assert message in said
    assert "the environment" in said


def test_lists_come_from_the_environment_as_json(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users and domains too."""
    monkeypatch.setenv("RUCKET__SERVER__DOMAINS", '["s3.example.com"]')
    monkeypatch.setenv(
        "RUCKET__AUTH__USERS", '[{"name": "a", "access_key": "AKEY", "secret_key": "12345678"}]'
    )

    settings = load_settings(file, {})

    assert settings.server.domains == ("s3.example.com",)
    assert settings.auth.users[0].name == "a"


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    """A typing error in its name must not start a server with defaults."""
    assert "can't be read: No such file" in refusal(tmp_path / "missing.toml")


def test_secrets_are_not_repeated(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither from the file nor from the environment."""
    file.write_text('[auth]\nsecret_key = "short"\nsealing_key = "hush-hush"')
    monkeypatch.setenv("RUCKET__AUTH__USERS", '{"secret_key": "hush-hush"')

    assert "hush" not in refusal(file)
    monkeypatch.delenv("RUCKET__AUTH__USERS")
    said = refusal(file)
    assert "auth.secret_key" in said
    assert "hush" not in said
