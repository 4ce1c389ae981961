"""What bodies and queries have in common: strictness in, and pages out."""

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from barometer.cursors import Cursor

ItemT = TypeVar("ItemT")


class Input(BaseModel):
    """What a client sends: strict, unknown fields refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Page(BaseModel, Generic[ItemT]):
    """A piece of a list, newest first."""

    items: list[ItemT]
    next_cursor: str | None = Field(default=None, description="Give it as `cursor` for the next piece; null at the end")


# Postgres keeps no NUL in a text, so none can be searched for.
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Paging(BaseModel):
    """Which piece of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(default=50, ge=1, le=200)
    cursor: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        default=None, description="`next_cursor` of the piece before"
    )

    def place(self) -> Cursor | None:
        """Where the piece begins.

        Raises:
            InvalidInputError: the cursor is none of ours.
        """
        return None if self.cursor is None else Cursor.decode(self.cursor)
