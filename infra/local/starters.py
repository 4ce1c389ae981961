"""What a Barometer that was never used is given, so that its first look shows something.

That is: the simulator's topics, and a rule for each that warns when its mood turns.
"""

import psycopg

from barometer.alerts import RuleDraft
from barometer.errors import BarometerError
from barometer.stores.postgres import connect
from barometer.stores.rules import create_rule
from barometer.stores.topics import create_topic
from infra.feeds.simulate import starter_topics

# The share of negative posts that no topic of the simulator reaches in calm weather, and each does in a storm.
STORM = 0.6


def give_topics(database_url: str) -> list[str]:
    """Make the simulator's topics and their rules if there is neither a topic nor a post yet; give their names.

    Topics that somebody deleted do not come back.

    Raises:
        BarometerError: the database refuses.
    """
    try:
        with connect(database_url, "barometer-up") as connection:
            used = connection.execute("SELECT EXISTS (SELECT FROM topics) OR EXISTS (SELECT FROM posts)").fetchone()
            if used is None or used[0]:
                return []
            for name, query in starter_topics().items():
                create_topic(connection, name, query)
                create_rule(connection, RuleDraft(name=f"{name} in a storm", topic=name, threshold=STORM))
            return list(starter_topics())
    except psycopg.Error as error:
        raise BarometerError(f"could not make the first topics: {error}") from error
