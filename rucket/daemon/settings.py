"""The settings of a server: what there is, what is valid, what is meant where nothing is said.

Where they come from is `rucket.daemon.settings_sources`. A setting that stands here is obeyed by
somebody; the docstring of its section says by whom. Nothing here reads a clock, a file or the
environment. Secrets are ``SecretStr``: they print as stars, and leave only through
`Settings.to_json`, for the pipe to a child process.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    SerializationInfo,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from rucket.daemon.bind_address import BindAddress, parse_bind_address, parse_host
from rucket.daemon.event_settings import EventSettings
from rucket.daemon.settings_section import REVEAL, Section, revealed_or_stars
from rucket.daemon.storage_settings import StorageSettings
from rucket.service.gateway import ConfiguredUser

ENVIRONMENT_PREFIX: Final = "RUCKET__"
ENVIRONMENT_DELIMITER: Final = "__"

DEFAULT_ACCESS_KEY_ID: Final = "rucket"
DEFAULT_SECRET_ACCESS_KEY: Final = "rucket123"  # noqa: S105 -- documented; loopback only

ROOT_USER_NAME: Final = "root"

SECRET_LENGTH_MIN: Final = 8
SECRET_LENGTH_MAX: Final = 128

GATEWAY_DRAIN_SHARE: Final = 0.6
"""How much of `server.shutdown_timeout_s` requests in flight may take. The rest is left to those
who end after them: the gateways themselves, maintenance, the node."""

_REGION = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_DOMAIN_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_USER_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
_ACCESS_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{3,128}")
_SECRET = re.compile(r"[!-~]+")
_CANONICAL_ID = re.compile(r"[0-9a-f]{64}")
_SEALING_KEY = re.compile(r"[0-9a-fA-F]{64}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def canonical_id_of(user_name: str) -> str:
    """The canonical id of a user for whom none was chosen: the same at every start."""
    return hashlib.sha256(f"rucket:{user_name}".encode()).hexdigest()


def _region(text: str) -> str:
    if _REGION.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a region name; use a-z, 0-9 and -, such as us-east-1")
    return text


def _domain(text: str) -> str:
    lower = text.lower()
    if not all(_DOMAIN_LABEL.fullmatch(label) for label in lower.split(".")):
        raise ValueError(f"{text!r} is not a domain name (no scheme, no port, no wildcard)")
    return lower


def _user_name(text: str) -> str:
    if _USER_NAME.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a user name; use 1 to 64 of A-Z a-z 0-9 _ + = , . @ -")
    return text


def _access_key_id(text: str) -> str:
    if _ACCESS_KEY_ID.fullmatch(text) is None:
        # Not repeated: people mix up access key and secret.
        raise ValueError("this is not an access key; use 3 to 128 of A-Z a-z 0-9 _ . -")
    return text


def _secret(secret: SecretStr) -> SecretStr:
    if not SECRET_LENGTH_MIN <= len(secret) <= SECRET_LENGTH_MAX:
        raise ValueError(
            f"the secret has {len(secret)} characters; "
            f"it needs {SECRET_LENGTH_MIN} to {SECRET_LENGTH_MAX}"
        )
    if _SECRET.fullmatch(secret.get_secret_value()) is None:
        raise ValueError("a secret is made of printable ASCII characters without blanks")
    return secret


def _canonical_id(text: str) -> str:
    if text and _CANONICAL_ID.fullmatch(text) is None:
        raise ValueError("a canonical id is 64 hexadecimal digits in lower case")
    return text


def _email(text: str) -> str:
    if text and _EMAIL.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not an e-mail address")
    return text


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0))


_PORT_MAX = 65535


class ServerSettings(Section):
    """``[server]``.

    Obeyed by the supervisor: bind (probed), workers, shutdown_timeout_s. By every gateway process:
    bind, tls_cert, tls_key, max_connections, max_header_size_bytes, header_timeout_s,
    body_idle_timeout_s (its HTTP server); region, domains, body_idle_timeout_s,
    body_bytes_per_s_min, requests_in_flight_max, max_body_size_bytes (its `ServiceSettings`).

    Attributes:
        workers: gateway processes; one per usable core unless said.
        shutdown_timeout_s: how long a shutdown may take before what is left is killed.
        max_connections: open connections per worker; further ones are answered SlowDown and
            closed.
        header_timeout_s: how long the head of a request may take, and a connection be idle.
        body_idle_timeout_s: how long a client may send nothing while its body is awaited, or take
            nothing of its answer.
        body_bytes_per_s_min: how many bytes a client must send a second, on average and not
            counting its first `body_idle_timeout_s`.
        requests_in_flight_max: per worker; more are answered SlowDown.
        max_body_size_bytes: of one request.
    """

    bind: str = "127.0.0.1:9000"
    workers: int = Field(default_factory=_usable_cores, ge=1, le=256)
    region: Annotated[str, AfterValidator(_region)] = "us-east-1"
    domains: tuple[Annotated[str, AfterValidator(_domain)], ...] = ("s3.localhost",)
    shutdown_timeout_s: float = Field(default=15.0, ge=1, le=3600)
    max_connections: int = Field(default=4096, ge=1, le=1_000_000)
    max_header_size_bytes: int = Field(default=64 * 1024, ge=8 * 1024, le=1024 * 1024)
    header_timeout_s: float = Field(default=30.0, ge=0.1, le=3600)
    body_idle_timeout_s: float = Field(default=60.0, ge=0.1, le=3600)
    body_bytes_per_s_min: int = Field(default=1024, ge=1, le=1024**3)
    requests_in_flight_max: int = Field(default=512, ge=1, le=100_000)
    max_body_size_bytes: int = Field(default=5 * 1024**3, ge=1024, le=5 * 1024**3)
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @field_validator("bind")
    @classmethod
    def _check_bind(cls, text: str) -> str:
        return str(parse_bind_address(text))

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "tls_cert" if self.tls_cert is None else "tls_key"
            raise ValueError(f"{missing} is missing: TLS needs tls_cert and tls_key")
        return self

    @property
    def bind_address(self) -> BindAddress:
        """`bind`, read."""
        return parse_bind_address(self.bind)

    @property
    def gateway_drain_timeout_s(self) -> float:
        """How long the requests in flight may take when the server shuts down."""
        return self.shutdown_timeout_s * GATEWAY_DRAIN_SHARE

    @property
    def endpoint(self) -> str:
        """The URL for clients on this machine."""
        scheme = "http" if self.tls_cert is None else "https"
        return f"{scheme}://{self.bind_address.endpoint_host}:{self.bind_address.port}"


class UserSettings(Section):
    """``[[auth.users]]``; obeyed by every gateway process."""

    name: Annotated[str, AfterValidator(_user_name)]
    access_key: Annotated[str, AfterValidator(_access_key_id)]
    secret_key: Annotated[SecretStr, AfterValidator(_secret)]
    canonical_id: Annotated[str, AfterValidator(_canonical_id)] = ""
    display_name: str = Field(default="", max_length=128)
    email: Annotated[str, AfterValidator(_email)] = ""

    @field_serializer("secret_key", when_used="json")
    def _reveal(self, secret: SecretStr, info: SerializationInfo) -> str:
        return revealed_or_stars(secret, info)

    def to_user(self) -> ConfiguredUser:
        """The user that this describes."""
        return ConfiguredUser(
            name=self.name,
            canonical_id=self.canonical_id or canonical_id_of(self.name),
            display_name=self.display_name or self.name,
            email=self.email,
            access_key_id=self.access_key,
            secret_access_key=self.secret_key.get_secret_value(),
        )


class AuthSettings(Section):
    """``[auth]``; obeyed by every gateway process.

    Attributes:
        access_key: the root user's.
        secret_key: the root user's.
        users: further users.
        sealing_key: 64 hexadecimal digits that secrets are encrypted under at rest; where it is
            absent, a key file in the data directory is used.
    """

    access_key: Annotated[str, AfterValidator(_access_key_id)] = DEFAULT_ACCESS_KEY_ID
    secret_key: Annotated[SecretStr, AfterValidator(_secret)] = SecretStr(DEFAULT_SECRET_ACCESS_KEY)
    users: tuple[UserSettings, ...] = ()
    sealing_key: SecretStr | None = None

    @field_serializer("secret_key", "sealing_key", when_used="json")
    def _reveal(self, secret: SecretStr | None, info: SerializationInfo) -> str | None:
        return None if secret is None else revealed_or_stars(secret, info)

    @field_validator("sealing_key")
    @classmethod
    def _check_sealing_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and _SEALING_KEY.fullmatch(key.get_secret_value()) is None:
            raise ValueError("a sealing key is 64 hexadecimal digits (openssl rand -hex 32)")
        return key

    @model_validator(mode="after")
    def _check_users(self) -> Self:
        users = self.configured_users()
        for what, values in (
            ("name", [user.name for user in users]),
            ("access_key", [user.access_key_id for user in users]),
            ("canonical_id", [user.canonical_id for user in users]),
            ("email", [user.email for user in users if user.email]),
        ):
            repeated = sorted({value for value in values if values.count(value) > 1})
            if repeated:
                raise ValueError(
                    f"two users have the {what} {repeated[0]!r} "
                    f"(the root user, named {ROOT_USER_NAME!r}, counts as well)"
                )
        return self

    @property
    def has_default_credentials(self) -> bool:
        """Whether the root secret is the one that everybody knows."""
        return self.secret_key.get_secret_value() == DEFAULT_SECRET_ACCESS_KEY

    def configured_users(self) -> tuple[ConfiguredUser, ...]:
        """The users of the configuration, root first."""
        root = ConfiguredUser(
            name=ROOT_USER_NAME,
            canonical_id=canonical_id_of(ROOT_USER_NAME),
            display_name=ROOT_USER_NAME,
            email="",
            access_key_id=self.access_key,
            secret_access_key=self.secret_key.get_secret_value(),
            is_root=True,
        )
        return (root, *(user.to_user() for user in self.users))


class MetricsSettings(Section):
    """``[metrics]``; obeyed by the maintenance process, and probed by the supervisor.

    Attributes:
        port: the one above S3's unless said, so that servers on one machine don't meet.
    """

    enabled: bool = True
    bind: Annotated[str, AfterValidator(parse_host)] = "127.0.0.1"
    port: int | None = Field(default=None, ge=1, le=65535)


class LoggingSettings(Section):
    """``[logging]``; level and format are obeyed by every process, log_requests by gateways."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["pretty", "json"] = "pretty"
    log_requests: bool = True


class Settings(BaseSettings):
    """All settings of a server."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter=ENVIRONMENT_DELIMITER,
    )

    server: ServerSettings = Field(default_factory=ServerSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    auth: AuthSettings = Field(default_factory=AuthSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)
    events: EventSettings = Field(default_factory=EventSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 -- the base class gives the signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed: a child process must not read the environment a second time."""
        return (init_settings,)

    @model_validator(mode="after")
    def _check_exposure(self) -> Self:
        address = self.server.bind_address
        if self.auth.has_default_credentials and not address.is_loopback:
            raise ValueError(
                f"server.bind is {address}, reachable from other machines, but auth.secret_key is "
                "the default one that everybody knows; set auth.access_key and auth.secret_key "
                f"({ENVIRONMENT_PREFIX}AUTH__ACCESS_KEY, {ENVIRONMENT_PREFIX}AUTH__SECRET_KEY) "
                "or bind to 127.0.0.1"
            )
        if self.metrics.enabled and self.metrics_address.port == address.port:
            same = {self.metrics.bind, address.host}
            if len(same) == 1 or same & {"0.0.0.0", "::"}:  # noqa: S104 -- compared, not bound
                raise ValueError(f"server.bind and metrics.port are both port {address.port}")
        return self

    @property
    def metrics_address(self) -> BindAddress:
        """Where metrics are served."""
        s3_port = self.server.bind_address.port
        above = s3_port + 1 if s3_port < _PORT_MAX else s3_port - 1
        return BindAddress(self.metrics.bind, self.metrics.port or above)

    def with_encryption_keys(self) -> Settings:
        """The same with the keys of `storage.encryption.key_file` in its place.

        Raises:
            ConfigurationError: the file can't be used.
        """
        encryption = self.storage.encryption.with_key_file()
        storage = self.storage.model_copy(update={"encryption": encryption})
        return self.model_copy(update={"storage": storage})

    def to_json(self) -> str:
        """All of it, secrets revealed: for the pipe to a child process and nothing else."""
        return self.model_dump_json(context=REVEAL)

    @classmethod
    def from_json(cls, text: str | bytes) -> Settings:
        """What `to_json` wrote."""
        return cls.model_validate_json(text)
