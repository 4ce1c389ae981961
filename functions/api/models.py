"""What the API's bodies look like where no other module says it: the wire forms, checked on the way in and out."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, GetPydanticSchema, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from barometer.cursors import Cursor
from barometer.posts import Language, RawPost, Text
from barometer.stores.keys import Scope
from barometer.topics import MAX_QUERY, TOPIC_NAME
from functions.api.problems import Fault

ItemT = TypeVar("ItemT")
MAX_POSTS = 1_000
MAX_TEXTS = 100


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


def _any(_source: object, _handler: object) -> CoreSchema:
    return core_schema.any_schema()


def _as_raw_post(_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    return handler(RawPost.__pydantic_core_schema__)


# Shown in OpenAPI as RawPost, but checked one by one in the route, so that one bad post does not refuse the others.
UncheckedPost = Annotated[Any, GetPydanticSchema(_any, _as_raw_post)]


class PostsIn(Input):
    """Posts to take in."""

    posts: list[UncheckedPost] = Field(min_length=1, max_length=MAX_POSTS)


class PostsAccepted(BaseModel):
    """What became of the posts of one request."""

    accepted: int = Field(description="How many will be stored and counted, once each")
    rejected: list[Fault] = Field(description="Those that cannot be taken as they are: `index`, `field` and `reason`")


class Sentiment(BaseModel):
    """The sentiment label and the probability of each."""

    label: Literal["positive", "neutral", "negative"]
    positive: float
    neutral: float
    negative: float


class Emotion(BaseModel):
    """The emotion label and the probability of each: Ekman's six, and neutral."""

    label: Literal["anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"]
    anger: float
    disgust: float
    fear: float
    joy: float
    neutral: float
    sadness: float
    surprise: float


class Scored(BaseModel):
    """What a model says of a text; null where it does not say."""

    sentiment: Sentiment | None = Field(description="null when the model does not read the language")
    emotion: Emotion | None = Field(description="null when the model does not tell emotions")
    model: str | None = Field(description="Which model scored it; null when none did")


class Post(Scored):
    """A stored post."""

    id: str
    text: str
    source: str
    source_id: str | None
    author: str | None
    created_at: datetime
    received_at: datetime
    url: str | None
    lang: str | None
    topics: list[str]
    corrected: bool = Field(description="Whether a person has corrected the label")


class PostPage(Page[Post]):
    """Some posts."""


class SentimentCounts(BaseModel):
    """Posts of each sentiment."""

    positive: int
    neutral: int
    negative: int


class EmotionCounts(BaseModel):
    """Posts of each emotion; fewer than all where a model does not tell emotions."""

    anger: int
    disgust: int
    fear: int
    joy: int
    neutral: int
    sadness: int
    surprise: int


class Totals(BaseModel):
    """What one window counts."""

    posts: int
    unscored: int = Field(description="Posts in a language that the model does not read; part of `posts`")
    sentiment: SentimentCounts
    score: float | None = Field(description="Mean of positive - negative, -1 to 1; null where nothing was scored")
    emotions: EmotionCounts


class Summary(Totals):
    """A window that ends now, and the one of the same length before it."""

    topic: str
    source: str | None
    window: str
    since: datetime
    until: datetime
    previous: Totals


class TrendPoint(SentimentCounts):
    """One bucket."""

    at: datetime = Field(description="When the bucket begins")
    posts: int
    unscored: int
    score: float | None
    emotions: EmotionCounts


class Trend(BaseModel):
    """A window in buckets of equal length, oldest first, none left out."""

    topic: str
    source: str | None
    window: str
    bucket_seconds: int
    points: list[TrendPoint]


TopicQuery = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_QUERY),
    Field(
        description='`+required`, `optional` and `-excluded` words, `"phrases"`, `#tags`, AND, OR, NOT, parentheses',
        examples=['+rust (cargo OR crate) -"rust belt"'],
    ),
]


class TopicIn(Input):
    """A topic to make."""

    name: Annotated[str, StringConstraints(pattern=TOPIC_NAME)] = Field(description="Never changes", examples=["rust"])
    query: TopicQuery


class TopicPatch(Input):
    """What to change of a topic."""

    query: TopicQuery


class Topic(BaseModel):
    """A topic: which posts belong to it."""

    name: str
    query: str
    created_at: datetime
    updated_at: datetime


class TopicPage(Page[Topic]):
    """Every topic."""


class Rule(BaseModel):
    """An alert rule."""

    id: UUID
    name: str
    kind: Literal["negative_share"]
    topic: str
    threshold: float
    window_seconds: int
    minimum_posts: int
    webhook_url: str | None
    enabled: bool
    created_at: datetime
    updated_at: datetime


class RulePage(Page[Rule]):
    """Every rule."""


class Alert(BaseModel):
    """One time that a rule fired."""

    id: UUID
    rule_id: UUID
    rule_name: str
    topic: str
    state: Literal["firing", "resolved"]
    value: float = Field(description="The negative share at which it fired, 0 to 1")
    posts: int = Field(description="Scored posts in the rule's window when it fired")
    threshold: float
    fired_at: datetime
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class AlertPage(Page[Alert]):
    """Some alerts."""


class AnalyzeIn(Input):
    """Texts to score, now."""

    texts: list[Text] = Field(min_length=1, max_length=MAX_TEXTS)
    lang: Language | None = Field(default=None, description="Their language, if it is not the deployment's default")


class Analysis(BaseModel):
    """The scores, in the order of the texts."""

    items: list[Scored]


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


class PipelineHealth(BaseModel):
    """How much is under way, and how long the oldest of it has been waiting."""

    lag: int
    oldest_ms: int


class Health(BaseModel):
    """Whether the whole works, and which part does not."""

    status: Literal["ok", "degraded", "down"]
    database: Literal["ok", "down"]
    redis: Literal["ok", "down"]
    functions: Literal["ok", "behind", "unknown"] = Field(
        description="`behind`: a post has been waiting longer than functions that work leave one waiting;"
        " `unknown`: Redis, which would tell, is down"
    )
    pipeline: PipelineHealth | None = Field(description="null when Redis is down")


class Stage(BaseModel):
    """One stream of posts under way."""

    length: int
    oldest_ms: int


class Pipe(BaseModel):
    """One pipe: what waits before it, what its function holds, and what it has done since the beginning."""

    name: str
    source: str
    lag: int
    pending: int
    oldest_ms: int
    taken: int
    written: int
    retried: int
    dead: int
    rejected: int
    duplicates: int
    dropped: int


class Pipeline(BaseModel):
    """The books: accepted = stored + duplicates + rejected + dead + in_flight."""

    accepted: int
    stored: int
    duplicates: int
    rejected: int
    dead: int
    in_flight: int
    balanced: bool
    streams: dict[str, Stage]
    pipes: list[Pipe]
