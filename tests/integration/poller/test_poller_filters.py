"""``FilterCriteria``: what no filter lets through never reaches the function, and is told of where it ended."""

import json

from barometer.stores.streams import pipes
from barometer.streams import Deployment, counters_key
from tests.integration.poller.rig import Rig, deployment, echo, one_server, until

ENGLISH = {"Filters": [{"Pattern": json.dumps({"body": {"lang": ["en"], "n": [{"numeric": [">", 0]}]}})}]}


def test_a_post_that_no_filter_lets_through_is_rejected_uncalled_and_the_books_balance(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(FilterCriteria=ENGLISH), {"ingest": echo}
    rig.streams.client.hset(counters_key(0), "accepted", 5)
    rig.streams.add("raw", {"n": 1, "lang": "en"}, {"n": 2, "lang": "de"}, {"n": 0, "lang": "en"}, b"not JSON")
    poller = rig.start()
    rig.streams.add("raw", {"n": 3, "lang": "en"})
    until(lambda: rig.streams.length("raw") == 0)

    assert [body["n"] for body in rig.streams.bodies("posts")] == [1, 3]
    assert {json.loads(record["body"])["n"] for call in rig.aws.calls for record in call.records} == {1, 3}
    assert {
        (letter["body"], letter["kind"], letter["error_type"], letter["attempts"]) for letter in rig.streams.letters()
    } == {
        (body, "rejected", "Filtered", "0") for body in ('{"n": 2, "lang": "de"}', '{"n": 0, "lang": "en"}', "not JSON")
    }
    told = rig.streams.books()
    assert (told.rejected, told.missing) == (3, 0)
    (state,) = pipes(rig.streams.client, Deployment.model_validate(rig.aws.pipes), rig.streams.partitions)
    assert (state.taken, state.written, state.filtered, state.rejected) == (5, 2, 3, 3)
    assert 'barometer_poller_filtered_records_total{pipe="ingest"} 3.0' in poller.get("/metrics")[1]


def test_what_is_no_post_ends_uncalled_and_is_counted(rig: Rig) -> None:
    rig.aws.pipes = deployment(FilterCriteria=ENGLISH)
    rig.aws.pipes["Pipes"][0] |= {"Source": "events", "Targets": ["posts"], "DestinationConfig": {}}
    rig.aws.functions = {"ingest": echo}
    rig.streams.add("events", {"n": 1, "lang": "de"}, {"n": 2, "lang": "en"}, {"n": 3})
    rig.start()
    until(lambda: rig.streams.length("events") == 0)

    assert [body["n"] for body in rig.streams.bodies("posts")] == [2]
    assert [len(call.records) for call in rig.aws.calls] == [1]
    assert rig.streams.letters() == []
    assert rig.streams.counters() == {"ingest.in": 3, "ingest.out": 1, "ingest.filtered": 2}


@one_server
def test_a_poller_does_not_start_with_a_pattern_that_says_nothing(rig: Rig) -> None:
    rig.aws.pipes = deployment(FilterCriteria={"Filters": [{"Pattern": '{"body": {"lang": "en"}}'}]})
    poller = rig.start(ready=False)
    assert poller.process.wait(30) == 1
    assert (
        "Pipes.0.FilterCriteria.Filters.0.Pattern: Value error, body.lang: must be an array" in poller.log.read_text()
    )
