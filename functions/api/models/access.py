"""Keys and sessions."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from barometer.stores.keys import Scope
from functions.api.models.lists import Input, Page

KeyName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=3, description="`admin` implies the others")]


class KeyIn(Input):
    """A key to make."""

    name: KeyName
    scopes: Scopes


class KeyPatch(Input):
    """What to change of a key."""

    name: KeyName | None = None
    scopes: Scopes | None = None


class Key(BaseModel):
    """A key, without its secret."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    last_used_at: datetime | None = None


class KeyPage(Page[Key]):
    """Every key."""


class NewKey(Key):
    """A new key, with its secret."""

    secret: str = Field(description="The whole key, `bar_<id>_<secret>`: shown this once, stored only as a hash")


class SessionRequest(Input):
    """A key to sign in with."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Whoami(BaseModel):
    """Whose key or session this is."""

    key_id: str
    name: str
    scopes: list[Scope]


class NewSession(Whoami):
    """A session that has begun."""

    expires_at: datetime
