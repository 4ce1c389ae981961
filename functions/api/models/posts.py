"""Posts in and out, and the scores of texts."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, GetJsonSchemaHandler, GetPydanticSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from barometer.posts import Language, RawPost, Text
from functions.api.models.lists import Input, Page
from functions.api.problems import Fault

MAX_POSTS = 1_000
MAX_TEXTS = 100


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


class AnalyzeIn(Input):
    """Texts to score, now."""

    texts: list[Text] = Field(min_length=1, max_length=MAX_TEXTS)
    lang: Language | None = Field(default=None, description="Their language, if it is not the deployment's default")


class Analysis(BaseModel):
    """The scores, in the order of the texts."""

    items: list[Scored]
