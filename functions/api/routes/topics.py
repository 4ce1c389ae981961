"""Topics: a name, and the query that says which posts belong to it."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Path

from barometer.stores import topics
from barometer.topics import TOPIC_NAME
from functions.api.bodies import JsonRoute
from functions.api.deps import Admin, CacheDep, Database, Reader
from functions.api.models.setup import Topic, TopicIn, TopicPage, TopicPatch
from functions.api.problems import problem

router = APIRouter(prefix="/api/topics", tags=["topics"], route_class=JsonRoute)
Name = Annotated[str, Path(pattern=TOPIC_NAME, examples=["rust"])]


@router.get("")
async def list_topics(_: Reader, connection: Database) -> TopicPage:
    """Every topic, newest first."""
    return TopicPage(items=[_public(topic) for topic in topics.list_topics(connection)])


@router.post("", status_code=HTTPStatus.CREATED, responses={HTTPStatus.CONFLICT: problem("The name is taken")})
async def create_topic(_: Admin, body: TopicIn, connection: Database) -> Topic:
    """Make a topic: posts to come belong to it, from a few seconds on. Names are unique (409).

    A query that cannot be read is a 422 whose fault has the `position` of the character at fault.
    """
    return _public(topics.create_topic(connection, body.name, body.query))


@router.get("/{name}")
async def get_topic(_: Reader, name: Name, connection: Database) -> Topic:
    """One topic."""
    return _public(topics.get_topic(connection, name))


@router.patch("/{name}")
async def update_topic(_: Admin, name: Name, body: TopicPatch, connection: Database) -> Topic:
    """Give a topic another query. It decides for posts to come; those stored keep their topics."""
    return _public(topics.update_topic(connection, name, body.query))


@router.delete("/{name}", status_code=HTTPStatus.NO_CONTENT)
async def delete_topic(_: Admin, name: Name, connection: Database, cache: CacheDep, after: BackgroundTasks) -> None:
    """Delete a topic: its posts stay, without its name; what was counted under it goes."""
    topics.delete_topic(connection, name)
    after.add_task(cache.forget, [name])  # once the transaction is committed


def _public(topic: topics.StoredTopic) -> Topic:
    return Topic.model_validate(asdict(topic))
