import psycopg

from barometer.stores.rules import list_rules
from barometer.stores.topics import delete_topic, list_topics
from infra.local.starters import give_topics


def test_a_barometer_that_was_never_used_is_given_topics_once(postgres_url: str):
    made = give_topics(postgres_url)
    assert made
    with psycopg.connect(postgres_url) as connection:
        assert {topic.name for topic in list_topics(connection)} == set(made)
        assert {rule.topic for rule in list_rules(connection)} == set(made)
    assert give_topics(postgres_url) == []


def test_topics_that_somebody_deleted_do_not_come_back_beside_posts(postgres_url: str):
    with psycopg.connect(postgres_url) as connection:
        for name in give_topics(postgres_url):
            delete_topic(connection, name)
        connection.execute("CREATE TABLE posts_all PARTITION OF posts DEFAULT")
        connection.execute(
            "INSERT INTO posts (id, created_at, received_at, source, text)"
            " VALUES (gen_random_uuid(), now(), now(), 'test', 'A post')"
        )
    assert give_topics(postgres_url) == []
