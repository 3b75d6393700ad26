"""What settings are valid, and what they mean where nothing is said."""

from typing import Any

import pytest
from pydantic import ValidationError

from rucket.daemon.settings import Settings, canonical_id_of

USER = {"name": "alice", "access_key": "ALICEKEY", "secret_key": "alices-own-secret"}
OWN = {"access_key": "ROOTKEY", "secret_key": "roots-own-secret"}


def settings(**sections: dict[str, Any]) -> Settings:
    return Settings(**sections)  # type: ignore[arg-type]


def refusal(**sections: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        settings(**sections)
    return str(caught.value)


def test_defaults_are_safe() -> None:
    """Out of the box a server is reached from its own machine alone."""
    defaults = settings()

    assert defaults.server.bind_address.is_loopback
    assert defaults.server.endpoint == "http://127.0.0.1:9000"
    assert defaults.metrics_address.is_loopback
    assert defaults.metrics_address.port == 9001
    assert defaults.server.workers >= 1
    assert defaults.storage.data_dir.is_absolute()


@pytest.mark.parametrize(("s3_port", "port"), [(9000, 9001), (9555, 9556), (65535, 65534)])
def test_metrics_have_the_port_next_to_s3(s3_port: int, port: int) -> None:
    """So that a second server on a machine only needs an address of its own."""
    server = {"bind": f"127.0.0.1:{s3_port}"}

    assert settings(server=server).metrics_address.port == port
    assert settings(server=server, metrics={"port": 7000}).metrics_address.port == 7000


@pytest.mark.parametrize("bind", ["0.0.0.0:9000", "[::]:9000", "10.0.0.1:9000"])
def test_default_credentials_stay_on_this_machine(bind: str) -> None:
    """Everybody knows the default secret: it isn't enough to have changed the access key."""
    message = refusal(server={"bind": bind}, auth={"access_key": "mine"})

    assert "set auth.access_key and auth.secret_key" in message
    assert settings(server={"bind": bind}, auth=OWN).server.bind == bind


@pytest.mark.parametrize(
    ("section", "values", "reason"),
    [
        ("server", {"region": "US East"}, "not a region name"),
        ("server", {"domains": ["http://s3.example.com"]}, "not a domain name"),
        ("server", {"workers": 0}, "greater than or equal to 1"),
        ("server", {"tls_cert": "cert.pem"}, "tls_key is missing"),
        ("server", {"tls_key": "key.pem"}, "tls_cert is missing"),
        ("metrics", {"port": 9000}, "both port 9000"),
        ("auth", {"secret_key": "seven77"}, "it needs 8 to 128"),
        ("auth", {"secret_key": "with blanks in it"}, "without blanks"),
        ("auth", {"access_key": "a/b"}, "not an access key"),
        ("auth", {"sealing_key": "ab" * 31}, "64 hexadecimal digits"),
        ("auth", {"users": [{**USER, "canonical_id": "xyz"}]}, "64 hexadecimal digits"),
        ("auth", {"users": [{**USER, "name": "al ice"}]}, "not a user name"),
        ("auth", {"users": [{**USER, "email": "alice"}]}, "not an e-mail address"),
        ("storage", {"wal": {"segment_size_bytes": 1}}, "greater than or equal to"),
        ("storage", {"scrub": {"cycle_days": 0}}, "greater than 0"),
        ("storage", {"scrub": {"max_bytes_per_s": 1}}, "greater than or equal to"),
        ("metrics", {"port": 0}, "greater than or equal to 1"),
        ("logging", {"level": "loud"}, "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_wrong_values_are_refused(section: str, values: dict[str, Any], reason: str) -> None:
    """Each with a reason."""
    assert reason in refusal(**{section: values})


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"name": "alice", "access_key": "BOBKEY"}, "name 'alice'"),
        ({"name": "bob", "access_key": "ALICEKEY"}, "access_key 'ALICEKEY'"),
        ({"name": "bob", "access_key": "rucket"}, "access_key 'rucket'"),
        ({"name": "root", "access_key": "BOBKEY"}, "name 'root'"),
        (
            {"name": "bob", "access_key": "BOBKEY", "canonical_id": canonical_id_of("alice")},
            "canonical_id",
        ),
        ({"name": "bob", "access_key": "BOBKEY", "email": "a@example.com"}, "email"),
    ],
    ids=["name", "access-key", "root-access-key", "root-name", "canonical-id", "email"],
)
def test_users_are_distinct(other: dict[str, str], what: str) -> None:
    """From each other, and from the root user."""
    users = [{**USER, "email": "a@example.com"}, {"secret_key": "12345678", **other}]

    assert f"two users have the {what}" in refusal(auth={"users": users})


def test_canonical_ids_stay_the_same() -> None:
    """Buckets belong to them: a user without one has the same at every start and on every node."""
    root, alice = settings(auth={"users": [USER]}).auth.configured_users()

    assert root.is_root
    assert not alice.is_root
    assert alice.display_name == "alice"
    assert alice.canonical_id == "da6f9253106b81d28ca0ea96b85f4a13ecc1ee8f4f5944ffd550f14df76e7c56"


def test_secrets_are_not_shown() -> None:
    """Neither by repr nor by an ordinary dump, nor in the message about a wrong one."""
    shown = settings(auth={**OWN, "users": [USER], "sealing_key": "ab" * 32})

    for text in (repr(shown), str(shown), shown.model_dump_json()):
        assert "own-secret" not in text
        assert "abab" not in text
    assert "seven77" not in refusal(auth={"secret_key": "seven77"})
    assert "a/b" not in refusal(auth={"access_key": "a/b"})


def test_a_child_process_gets_the_same_settings() -> None:
    """Secrets included."""
    sent = settings(auth={**OWN, "users": [USER], "sealing_key": "ab" * 32})

    assert Settings.from_json(sent.to_json()) == sent
