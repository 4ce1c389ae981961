"""What a Barometer that was never used is given, so that its first look shows something: topics of the simulator."""

import psycopg

from barometer.errors import BarometerError
from barometer.stores.topics import create_topic
from infra.feeds.simulate import starter_topics

_CONNECT_TIMEOUT_SECONDS = 10


def give_topics(database_url: str) -> list[str]:
    """Make the simulator's topics if there is neither a topic nor a post yet; give their names.

    Topics that somebody deleted do not come back.

    Raises:
        BarometerError: the database refuses.
    """
    try:
        with psycopg.connect(
            database_url, connect_timeout=_CONNECT_TIMEOUT_SECONDS, application_name="barometer-up"
        ) as connection:
            used = connection.execute("SELECT EXISTS (SELECT FROM topics) OR EXISTS (SELECT FROM posts)").fetchone()
            if used is None or used[0]:
                return []
            return [create_topic(connection, name, query).name for name, query in starter_topics().items()]
    except psycopg.Error as error:
        raise BarometerError(f"could not make the first topics: {error}") from error
