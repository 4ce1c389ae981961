"""Totals and trend."""

from datetime import datetime

from pydantic import BaseModel, Field


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
