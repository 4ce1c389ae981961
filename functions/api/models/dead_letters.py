"""Dead letters, and sending them again."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from barometer.stores.letters import LetterId, Wanted
from functions.api.models.lists import Input, Page, Paging, Word

# As many as a page of the list holds.
MOST_IDS = 200
Kind = Literal["rejected", "dead"]
_KIND = "`rejected` by its function, a filter, or as unfit for any; or `dead`, its attempts or its age spent"
_CURSOR = Field(default=None, description="`next_cursor` of the call before")
_Cursor = Annotated[str, StringConstraints(max_length=100)] | None


class DeadLetterQuery(Paging):
    """Which dead letters; filters narrow each other."""

    kind: Kind | None = Field(default=None, description=_KIND)
    pipe: Word | None = Field(default=None, description="The pipe in which they died", examples=["ingest"])

    def behind(self) -> LetterId | None:
        """Where the piece begins. Raises ``InvalidInputError``."""
        return None if self.cursor is None else LetterId.parse(self.cursor, "cursor")

    def wanted(self) -> Wanted:
        """All but the paging."""
        return Wanted(self.kind, self.pipe)


class LastTry(BaseModel):
    """The last invocation that carried a record, and what it came to."""

    tried_at: datetime | None
    request_id: str
    batch_size: int | None
    error_message: str
    stack_trace: str


class DeadLetter(BaseModel):
    """A record that will not be tried again, where it died and why. What it does not tell is empty or null."""

    id: str = Field(examples=["0-1763800000000-0"])
    kind: str = Field(description=_KIND)
    condition: str = Field(description="Which rule ended it", examples=["RetryAttemptsExhausted"])
    stream: str = Field(description="Where it died; a redrive puts it back there")
    pipe: str
    function: str
    record_id: str = Field(description="Its id in the stream")
    reason: str
    error_type: str
    attempts: int | None
    first_at: datetime | None = Field(description="When it was added to the stream")
    dead_at: datetime | None
    last_try: LastTry | None = Field(description="null: it was never tried")
    body: str = Field(description="The record: its first 1,000 bytes in a list, else its first 100,000")
    body_bytes: int = Field(description="How many bytes the body really has")
    details: dict[str, str] = Field(description="Whatever else the letter tells, cut as the body is")


class DeadLetterPage(Page[DeadLetter]):
    """Dead letters, those that died last first. A page may be short, or empty, and yet have a `next_cursor`."""


class RedriveIn(Input):
    """Which letters to send again: `ids`, or `all` (of a `kind`, of a `pipe`)."""

    ids: list[str] | None = Field(default=None, min_length=1, max_length=MOST_IDS)
    all: Literal[True] | None = None
    kind: Kind | None = None
    pipe: Word | None = None
    cursor: _Cursor = _CURSOR

    @model_validator(mode="after")
    def _one_way_to_name_them(self) -> Self:
        if (self.ids is None) == (self.all is None):
            raise ValueError("name the letters in ids, or say all: true")
        if self.ids is not None and (self.kind, self.pipe, self.cursor) != (None, None, None):
            raise ValueError("kind, pipe and cursor go with all")
        return self

    def letters(self) -> list[LetterId]:
        """The ``ids``. Raises ``InvalidInputError``, naming the one at fault."""
        return [LetterId.parse(text, f"ids.{index}") for index, text in enumerate(self.ids or ())]

    def behind(self) -> LetterId | None:
        """Where to go on. Raises ``InvalidInputError``."""
        return None if self.cursor is None else LetterId.parse(self.cursor, "cursor")

    def wanted(self) -> Wanted:
        """All of which."""
        return Wanted(self.kind, self.pipe)


class Refused(BaseModel):
    """A letter that stays one."""

    id: str
    reason: str


class Redriven(BaseModel):
    """What a call did; it ends within seconds, so `all` may take several."""

    redriven: int = Field(description="How many were sent again")
    missing: list[str] = Field(description="Not there: sent again by another call already, or never was")
    refused: list[Refused]
    remaining: int = Field(description="How many dead letters there are now, of whatever kind and pipe")
    next_cursor: str | None = Field(description="Of `all`: give it as `cursor` to go on")
    retry_after: int | None = Field(
        description="Seconds after which to call again, because a stream is full; of `all` with this `next_cursor`."
        " If both are null, all is done"
    )
