"""Posts in, to be stored and counted once each; posts out, filtered and by pages."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, Field, ValidationError

from barometer.posts import Accepted, RawPost
from barometer.settings import Settings
from barometer.stores import posts, streams
from barometer.stores.deployment import deployment
from functions.api.bodies import JsonRoute
from functions.api.deps import Database, Reader, RedisDep, SettingsDep, Writer
from functions.api.models.lists import Paging, Word
from functions.api.models.posts import Post, PostPage, PostsAccepted, PostsIn
from functions.api.problems import Fault, RefusalError, fault_of

router = APIRouter(prefix="/api/posts", tags=["posts"], route_class=JsonRoute)


class PostQuery(Paging):
    """Which posts; filters narrow each other."""

    topic: Word | None = Field(default=None, description="Name of a topic", examples=["rust"])
    sentiment: Literal["positive", "neutral", "negative"] | None = None
    emotion: Literal["anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"] | None = None
    source: Word | None = Field(default=None, description="Where posts come from", examples=["simulate"])
    lang: Word | None = Field(default=None, description="Language code", examples=["en"])
    author: Word | None = None
    q: Word | None = Field(default=None, description='Words in the text: `"quoted"`, `-without`, `or`')
    since: AwareDatetime | None = Field(default=None, description="Created at or after (ISO 8601, with its offset)")
    until: AwareDatetime | None = Field(default=None, description="Created before (ISO 8601, with its offset)")

    def filter(self) -> posts.PostFilter:
        """All but the paging."""
        return posts.PostFilter(**self.model_dump(exclude={"limit", "cursor"}))


@router.post("", status_code=HTTPStatus.ACCEPTED)
async def create_posts(_: Writer, body: PostsIn, client: RedisDep, config: SettingsDep) -> PostsAccepted:
    """Take up to 1,000 posts in. Each that is accepted will be stored and counted exactly once.

    Posts that cannot be taken as they are do not hold up the others: they come back in `rejected`. If none can be
    taken, the answer is 422, with the same list in `errors`. When the pipeline is full, nothing is taken (503): send
    the same request again after `Retry-After` seconds.
    """
    good, rejected = _sort(body.posts, config, datetime.now(UTC))
    if not good:
        first = rejected[0]
        detail = f"no post can be taken; the first: posts.{first.index}.{first.field} {first.reason}"
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, rejected)
    bound = deployment(config.pipes_parameter).streams[streams.SOURCE].maximum_length
    streams.accept(client, good, partitions=config.partitions, bound=bound)
    return PostsAccepted(accepted=len(good), rejected=rejected)


def _sort(said: list[object], config: Settings, now: datetime) -> tuple[list[tuple[str, Accepted]], list[Fault]]:
    """The posts that can be taken, each with its id, and what is wrong with the first fault of each other one."""
    good: list[tuple[str, Accepted]] = []
    rejected: list[Fault] = []
    retention = timedelta(days=config.retention_days)
    received_at = now.isoformat()
    for index, one in enumerate(said):
        try:
            post = RawPost.model_validate(one)
        except ValidationError as error:
            fault = fault_of(error.errors(include_url=False, include_input=False)[0])
            rejected.append(Fault(index=index, field=fault.field, reason=fault.reason))
            continue
        if (refused := post.fault(now, retention)) is not None:
            rejected.append(Fault(index=index, field=refused[0], reason=refused[1]))
            continue
        accepted = Accepted(uuid4().hex, received_at, post.model_dump(mode="json", exclude_none=True))
        good.append((post.post_id(now), accepted))
    return good, rejected


@router.get("")
async def list_posts(_: Reader, wanted: Annotated[PostQuery, Query()], connection: Database) -> PostPage:
    """Stored posts, newest first by the time they were created."""
    page = posts.select(connection, wanted.filter(), limit=wanted.limit, cursor=wanted.place())
    return PostPage(
        items=[Post.model_validate(post.as_public()) for post in page.items],
        next_cursor=None if page.next_cursor is None else page.next_cursor.encode(),
    )


@router.get("/{id}")
async def get_post(_: Reader, post_id: Annotated[UUID, Path(alias="id")], connection: Database) -> Post:
    """One stored post."""
    return Post.model_validate(posts.get(connection, post_id).as_public())
