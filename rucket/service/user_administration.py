"""Making, changing and removing users and access keys, for the admin API.

Users of the configuration show here but are changed there. Nobody may share a name, a canonical id,
an e-mail address or an access key id with a user of either kind; `apply` holds that among those in
the index, this module between them and the configuration's.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from rucket.model.errors import (
    InvalidArgument,
    NoSuchUser,
    S3Error,
    UserAlreadyExists,
    UserFromConfig,
)
from rucket.model.names import ID_SIZE_BYTES
from rucket.model.records import AccessKey, User
from rucket.ports.index import Table
from rucket.service.outcome_errors import committed
from rucket.service.sealed_secrets import sealer_of
from rucket.state.commands import DeleteAccessKey, DeleteUser, PutAccessKey, PutUser
from rucket.state.rows import (
    USER,
    access_key_attribute,
    find_access_key,
    find_user,
    prefix_end,
)

if TYPE_CHECKING:
    from rucket.ports.index import Snapshot
    from rucket.service.gateway import ConfiguredUser, Gateway

USERS_PER_SLICE = 500
ACCESS_KEYS_SHOWN_MAX = 100

_ACCESS_KEY_PREFIX = "RKIA"
_ACCESS_KEY_RANDOM_BYTES = 10
_SECRET_RANDOM_BYTES = 30
_CANONICAL_ID_RANDOM_BYTES = 32

_TEXTS = {
    "name": re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}"),
    "canonical_id": re.compile(r"[A-Za-z0-9_+=,.@:-]{1,128}"),
    "display_name": re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,256}"),
    "email": re.compile(
        r"[^@\s\x00-\x1f\x7f\ud800-\udfff]{1,64}@[^@\s\x00-\x1f\x7f\ud800-\udfff]{1,255}"
    ),
    "access_key_id": re.compile(r"[A-Za-z0-9_.-]{3,128}"),
    "secret_access_key": re.compile(r"[!-~]{8,128}"),
}


@dataclass(frozen=True, slots=True)
class UserView:
    """A user, as the admin API shows one."""

    name: str
    canonical_id: str
    display_name: str
    email: str
    is_configured: bool
    access_key_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewAccessKey:
    """An access key with its secret: shown once, when it is made."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UserRequest:
    """What a new user shall be; empty for what the caller leaves to us."""

    name: str
    canonical_id: str = ""
    display_name: str = ""
    email: str = ""


async def list_users(gateway: Gateway) -> list[UserView]:
    """All users: the configuration's in its order, then the others by name."""
    views = [_configured_view(user) for user in gateway.settings.users]
    configured_names = {view.name for view in views}
    start = b""
    while True:
        with gateway.index.snapshot() as snapshot:
            rows = snapshot.scan(Table.USERS, start, None, USERS_PER_SLICE)
            found = [_view(snapshot, USER.decode(value)) for _, value in rows]
        views += [view for view in found if view.name not in configured_names]
        if len(rows) < USERS_PER_SLICE:
            return views
        start = rows[-1][0] + b"\0"
        await gateway.tasks.sleep(0)


def get_user(gateway: Gateway, name: str) -> UserView:
    """One user.

    Raises:
        NoSuchUser: there is none of that name.
    """
    configured = _configured_user(gateway, name)
    if configured is not None:
        return _configured_view(configured)
    with gateway.index.snapshot() as snapshot:
        return _view(snapshot, _existing_user(snapshot, name))


async def create_user(
    gateway: Gateway, request: UserRequest, access_key: NewAccessKey | None
) -> UserView:
    """Makes a user and, if wanted, a first access key.

    These are two commands; should the second one be refused, the first is taken back.

    Raises:
        InvalidArgument: a text isn't acceptable.
        UserAlreadyExists: one of them is somebody else's.
    """
    user = User(
        name=request.name,
        canonical_id=request.canonical_id
        or gateway.random.token_bytes(_CANONICAL_ID_RANDOM_BYTES).hex(),
        display_name=request.display_name or request.name,
        email=request.email,
    )
    _check_user(gateway, user)
    if access_key is not None:
        _check_access_key(gateway, access_key)
    committed(await gateway.commits.commit(PutUser(_commit_id(gateway), user, must_be_new=True)))
    if access_key is not None:
        try:
            await _commit_access_key(gateway, user.name, access_key)
        except S3Error:
            await gateway.commits.commit(DeleteUser(_commit_id(gateway), user.name))
            raise
    return get_user(gateway, user.name)


async def update_user(
    gateway: Gateway, name: str, display_name: str | None, email: str | None
) -> UserView:
    """Changes what isn't None.

    Raises:
        InvalidArgument, NoSuchUser, UserFromConfig, UserAlreadyExists: why not.
    """
    _refuse_configured(gateway, name)
    with gateway.index.snapshot() as snapshot:
        user = _existing_user(snapshot, name)
    changed = msgspec.structs.replace(
        user,
        display_name=user.display_name if display_name is None else display_name,
        email=user.email if email is None else email,
    )
    _check_user(gateway, changed)
    committed(await gateway.commits.commit(PutUser(_commit_id(gateway), changed)))
    return get_user(gateway, name)


async def delete_user(gateway: Gateway, name: str) -> None:
    """Removes a user and all access keys.

    Raises:
        NoSuchUser, UserFromConfig, UserOwnsBuckets: why not.
    """
    _refuse_configured(gateway, name)
    committed(await gateway.commits.commit(DeleteUser(_commit_id(gateway), name)))


async def create_access_key(gateway: Gateway, name: str, access_key: NewAccessKey) -> None:
    """Gives a user another access key.

    Raises:
        InvalidArgument, NoSuchUser, UserFromConfig, UserAlreadyExists: why not.
    """
    _refuse_configured(gateway, name)
    _check_access_key(gateway, access_key)
    await _commit_access_key(gateway, name, access_key)


async def delete_access_key(gateway: Gateway, name: str, access_key_id: str) -> None:
    """Takes an access key away.

    Raises:
        NoSuchUser, NoSuchAccessKey, UserFromConfig: why not.
    """
    _refuse_configured(gateway, name)
    with gateway.index.snapshot() as snapshot:
        _existing_user(snapshot, name)
    committed(
        await gateway.commits.commit(DeleteAccessKey(_commit_id(gateway), name, access_key_id))
    )


def new_access_key(
    gateway: Gateway, access_key_id: str = "", secret_access_key: str = ""
) -> NewAccessKey:
    """An access key with what the caller gives; the rest is random."""
    identifier = gateway.random.token_bytes(_ACCESS_KEY_RANDOM_BYTES)
    secret = gateway.random.token_bytes(_SECRET_RANDOM_BYTES)
    return NewAccessKey(
        access_key_id or _ACCESS_KEY_PREFIX + base64.b32encode(identifier).decode(),
        secret_access_key or base64.urlsafe_b64encode(secret).decode(),
    )


async def _commit_access_key(gateway: Gateway, name: str, access_key: NewAccessKey) -> None:
    sealed = sealer_of(gateway.settings.sealing_key).seal(
        access_key.secret_access_key, access_key.access_key_id, name, gateway.random
    )
    row = AccessKey(access_key.access_key_id, name, sealed)
    committed(await gateway.commits.commit(PutAccessKey(_commit_id(gateway), row)))


def _commit_id(gateway: Gateway) -> bytes:
    return gateway.random.token_bytes(ID_SIZE_BYTES)


def _check_user(gateway: Gateway, user: User) -> None:
    for attribute in ("name", "canonical_id", "display_name", "email"):
        text: str = getattr(user, attribute)
        if text or attribute != "email":
            _check_text(attribute, text)
    for configured in gateway.settings.users:
        taken = {
            "name": configured.name == user.name,
            "canonical_id": configured.canonical_id == user.canonical_id,
            "email": bool(user.email) and configured.email.lower() == user.email.lower(),
        }
        for attribute, is_taken in taken.items():
            if is_taken:
                raise UserAlreadyExists(f"A user of the configuration has this {attribute}.")


def _check_access_key(gateway: Gateway, access_key: NewAccessKey) -> None:
    _check_text("access_key_id", access_key.access_key_id)
    _check_text("secret_access_key", access_key.secret_access_key)
    with gateway.index.snapshot() as snapshot:
        is_taken = find_access_key(snapshot, access_key.access_key_id) is not None
    if is_taken or any(
        configured.access_key_id == access_key.access_key_id
        for configured in gateway.settings.users
    ):
        raise UserAlreadyExists("The access key id belongs to somebody.")


def _check_text(name: str, text: str) -> None:
    if _TEXTS[name].fullmatch(text) is None:
        raise InvalidArgument(f"{name} has to match {_TEXTS[name].pattern}", ArgumentName=name)


def _configured_user(gateway: Gateway, name: str) -> ConfiguredUser | None:
    return next((user for user in gateway.settings.users if user.name == name), None)


def _refuse_configured(gateway: Gateway, name: str) -> None:
    if _configured_user(gateway, name) is not None:
        raise UserFromConfig


def _existing_user(snapshot: Snapshot, name: str) -> User:
    user = find_user(snapshot, name)
    if user is None:
        raise NoSuchUser
    return user


def _configured_view(user: ConfiguredUser) -> UserView:
    return UserView(
        name=user.name,
        canonical_id=user.canonical_id,
        display_name=user.display_name,
        email=user.email,
        is_configured=True,
        access_key_ids=(user.access_key_id,),
    )


def _view(snapshot: Snapshot, user: User) -> UserView:
    prefix = access_key_attribute(user.name)
    rows = snapshot.scan(Table.USER_ATTRIBUTES, prefix, prefix_end(prefix), ACCESS_KEYS_SHOWN_MAX)
    return UserView(
        name=user.name,
        canonical_id=user.canonical_id,
        display_name=user.display_name,
        email=user.email,
        is_configured=False,
        access_key_ids=tuple(row_key[len(prefix) :].decode() for row_key, _ in rows),
    )
