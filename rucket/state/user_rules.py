"""What the commands about users and access keys do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from rucket.model.errors import (
    NoSuchAccessKey,
    NoSuchUser,
    UserAlreadyExists,
    UserOwnsBuckets,
)
from rucket.ports.index import Table
from rucket.state.outcomes import Committed, Outcome, Rejected
from rucket.state.rows import (
    ACCESS_KEY,
    USER,
    access_key_attribute,
    find_access_key,
    find_user,
    find_user_name,
    owner_prefix,
    prefix_end,
    user_attribute_key,
)

if TYPE_CHECKING:
    from rucket.model.records import User
    from rucket.ports.index import Transaction
    from rucket.state.commands import DeleteAccessKey, DeleteUser, PutAccessKey, PutUser

_ACCESS_KEYS_PER_SCAN = 100


def put_user(command: PutUser, hlc: int, transaction: Transaction) -> Outcome:
    """Makes or changes a user. Names, canonical ids and e-mail addresses are unique."""
    existing = find_user(transaction, command.user.name)
    if command.must_be_new and existing is not None:
        return Rejected(UserAlreadyExists.code, details={"UserName": command.user.name})
    if not command.must_be_new and existing is None:
        return Rejected(NoSuchUser.code, details={"UserName": command.user.name})
    created_hlc = hlc if existing is None else existing.created_hlc
    user = msgspec.structs.replace(command.user, created_hlc=created_hlc)
    for attribute, value in _attributes(user):
        if find_user_name(transaction, attribute, value) not in (None, user.name):
            return Rejected(UserAlreadyExists.code, details={attribute: value})
    if existing is not None:
        _delete_attributes(transaction, existing)
    for attribute, value in _attributes(user):
        transaction.put(
            Table.USER_ATTRIBUTES, user_attribute_key(attribute, value), user.name.encode()
        )
    transaction.put(Table.USERS, user.name.encode(), USER.encode(user))
    return Committed(hlc, existed=existing is not None)


def delete_user(command: DeleteUser, hlc: int, transaction: Transaction) -> Outcome:
    """Removes a user and all access keys, unless there are buckets left."""
    user = find_user(transaction, command.name)
    if user is None:
        return Rejected(NoSuchUser.code, details={"UserName": command.name})
    owned = owner_prefix(user.canonical_id)
    if transaction.scan(Table.BUCKETS_BY_OWNER, owned, prefix_end(owned), 1):
        return Rejected(UserOwnsBuckets.code, details={"UserName": command.name})
    prefix = access_key_attribute(user.name)
    while rows := transaction.scan(
        Table.USER_ATTRIBUTES, prefix, prefix_end(prefix), _ACCESS_KEYS_PER_SCAN
    ):
        for row_key, _ in rows:
            transaction.delete(Table.ACCESS_KEYS, row_key[len(prefix) :])
            transaction.delete(Table.USER_ATTRIBUTES, row_key)
    _delete_attributes(transaction, user)
    transaction.delete(Table.USERS, user.name.encode())
    return Committed(hlc, existed=True)


def put_access_key(command: PutAccessKey, hlc: int, transaction: Transaction) -> Outcome:
    """Gives a user an access key whose id nobody has yet."""
    access_key = msgspec.structs.replace(command.access_key, created_hlc=hlc)
    if find_user(transaction, access_key.user_name) is None:
        return Rejected(NoSuchUser.code, details={"UserName": access_key.user_name})
    if find_access_key(transaction, access_key.access_key_id) is not None:
        return Rejected(UserAlreadyExists.code, details={"AccessKeyId": access_key.access_key_id})
    row_key = access_key.access_key_id.encode()
    transaction.put(Table.ACCESS_KEYS, row_key, ACCESS_KEY.encode(access_key))
    attribute = access_key_attribute(access_key.user_name, access_key.access_key_id)
    transaction.put(Table.USER_ATTRIBUTES, attribute, access_key.user_name.encode())
    return Committed(hlc)


def delete_access_key(command: DeleteAccessKey, hlc: int, transaction: Transaction) -> Outcome:
    """Takes an access key from the user who has it."""
    access_key = find_access_key(transaction, command.access_key_id)
    if access_key is None or access_key.user_name != command.user_name:
        return Rejected(NoSuchAccessKey.code, details={"AccessKeyId": command.access_key_id})
    transaction.delete(Table.ACCESS_KEYS, command.access_key_id.encode())
    attribute = access_key_attribute(command.user_name, command.access_key_id)
    transaction.delete(Table.USER_ATTRIBUTES, attribute)
    return Committed(hlc, existed=True)


def _attributes(user: User) -> list[tuple[str, str]]:
    attributes = [("canonical_id", user.canonical_id)]
    if user.email:
        attributes.append(("email", user.email.lower()))
    return attributes


def _delete_attributes(transaction: Transaction, user: User) -> None:
    for attribute, value in _attributes(user):
        transaction.delete(Table.USER_ATTRIBUTES, user_attribute_key(attribute, value))
