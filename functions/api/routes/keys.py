"""API keys: who may read, write and administer."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Path

from barometer.stores import connections, keys
from functions.api.bodies import JsonRoute
from functions.api.deps import Admin, Database, RedisDep
from functions.api.models.access import Key, KeyIn, KeyPage, KeyPatch, NewKey
from functions.api.problems import problem

router = APIRouter(prefix="/api/keys", tags=["keys"], route_class=JsonRoute)
KEY_ID = r"^[0-9a-f]{1,64}$"
LAST_ADMIN = problem("It is the last key with the scope admin")


def _public(key: keys.Key) -> Key:
    return Key(id=key.id, name=key.name, scopes=key.scopes, created_at=key.created_at, last_used_at=key.last_used_at)


@router.get("")
async def list_keys(_: Admin, connection: Database) -> KeyPage:
    """Every key, newest first, without its secret."""
    return KeyPage(items=[_public(key) for key in keys.list_keys(connection)])


@router.post("", status_code=HTTPStatus.CREATED)
async def create_key(_: Admin, body: KeyIn, connection: Database) -> NewKey:
    """Make a key. Its secret is in this answer and nowhere else."""
    made = keys.create_key(connection, body.name, body.scopes)
    return NewKey(id=made.id, name=made.name, scopes=made.scopes, created_at=made.created_at, secret=made.secret_text)


@router.get("/{id}")
async def get_key(_: Admin, key_id: Annotated[str, Path(alias="id", pattern=KEY_ID)], connection: Database) -> Key:
    """One key, without its secret."""
    return _public(keys.get_key(connection, key_id))


@router.patch("/{id}", responses={HTTPStatus.CONFLICT: LAST_ADMIN})
async def update_key(
    _: Admin,
    key_id: Annotated[str, Path(alias="id", pattern=KEY_ID)],
    body: KeyPatch,
    connection: Database,
    client: RedisDep,
    after: BackgroundTasks,
) -> Key:
    """Rename a key or change what it may do. The last key with the scope admin keeps it (409).

    With other scopes, its sockets have to connect again.
    """
    changed = keys.update_key(connection, key_id, body.name, body.scopes)
    if body.scopes is not None:
        after.add_task(connections.forget_key, client, key_id)  # once the transaction is committed
    return _public(changed)


@router.delete("/{id}", status_code=HTTPStatus.NO_CONTENT, responses={HTTPStatus.CONFLICT: LAST_ADMIN})
async def revoke_key(
    _: Admin,
    key_id: Annotated[str, Path(alias="id", pattern=KEY_ID)],
    connection: Database,
    client: RedisDep,
    after: BackgroundTasks,
) -> None:
    """Revoke a key, its sessions and its sockets. The last key with the scope admin stays (409)."""
    keys.revoke_key(connection, key_id)
    after.add_task(connections.forget_key, client, key_id)  # once the transaction is committed
