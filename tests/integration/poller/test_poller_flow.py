"""The plain way: records go in at one end of a pipe and come out at the other, counted."""

import json
import statistics
import threading
import time

import pytest

from barometer.streams import counters_key, stream_key
from tests.integration.poller.rig import Body, Rig, deployment, echo, one_server, until


def test_records_pass_and_leave_nothing_behind(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=10), {"ingest": echo}
    rig.streams.add("raw", *({"n": n} for n in range(25)))
    rig.start()
    until(lambda: rig.streams.length("posts") == 25)
    until(lambda: rig.streams.length("raw") == 0)
    assert sorted(body["n"] for body in rig.streams.bodies("posts")) == list(range(25))
    assert rig.streams.pending("raw", "ingest") == 0
    assert rig.streams.counters() == {"ingest.in": 25, "ingest.out": 25}
    assert all(len(call.records) <= 10 for call in rig.aws.calls)


@one_server
def test_a_function_is_told_what_sqs_would_tell_it(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": echo}
    (entry_id,) = rig.streams.add("raw", {"text": 'größer \\ "so"\n'})
    rig.start()
    until(lambda: rig.streams.length("posts") == 1)
    (record,) = rig.aws.calls[0].records
    assert record == {
        "messageId": entry_id,
        "body": json.dumps({"text": 'größer \\ "so"\n'}),
        "eventSource": "barometer:redis",
        "stream": "raw",
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": entry_id.split("-")[0]},
    }
    assert rig.streams.bodies("posts") == [{"text": 'größer \\ "so"\n'}]


@one_server
def test_a_lone_record_passes_at_once(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": echo}
    rig.start()
    took, last = [], b"0"
    for n in range(30):
        began = time.perf_counter()
        rig.streams.add("raw", {"n": n})
        ((_, ((last, _),)),) = rig.streams.client.xread({stream_key("posts", 0): last}, block=5_000, count=1)
        took.append(time.perf_counter() - began)
    # A sleep anywhere on the way would show as tens of milliseconds; a loaded machine has outliers.
    assert statistics.median(took) < 0.1


@one_server
def test_a_window_gathers_a_batch(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(MaximumBatchingWindowInMilliseconds=1_500), {"ingest": echo}
    rig.start()
    rig.streams.add("raw", {"n": 0})
    until(lambda: rig.streams.pending("raw", "ingest") == 1)
    rig.streams.add("raw", {"n": 1}, {"n": 2}, partition=0)
    until(lambda: rig.streams.length("posts") == 3)
    assert [len(call.records) for call in rig.aws.calls] == [3]


@one_server
def test_a_full_batch_does_not_wait_for_its_window(rig: Rig) -> None:
    rig.aws.pipes = deployment(MaximumBatchingWindowInMilliseconds=300_000, BatchSize=5)
    rig.aws.functions = {"ingest": echo}
    rig.streams.add("raw", *({"n": n} for n in range(10)), partition=0)
    rig.start()
    until(lambda: rig.streams.length("posts") == 10)


@one_server
def test_a_batch_keeps_within_its_bytes(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(MaximumBatchingBytes=10_000), {"ingest": echo}
    rig.streams.add("raw", *({"text": '"' * 1_500} for _ in range(20)), {"text": "x" * 20_000})
    rig.start()
    until(lambda: rig.streams.length("posts") == 21)
    for call in rig.aws.calls:
        assert len(json.dumps({"Records": call.records}, separators=(",", ":"))) <= 10_000 or len(call.records) == 1


@one_server
def test_as_many_batches_are_in_flight_as_the_factor_says(rig: Rig) -> None:
    together, most, lock = 0, 0, threading.Lock()
    gate = threading.Barrier(3)

    def slow(records: list[Body]) -> Body:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        gate.wait(10)
        with lock:
            together -= 1
        return echo(records)

    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=1, ParallelizationFactor=3), {"ingest": slow}
    rig.streams.add("raw", *({"n": n} for n in range(12)), partition=0)
    rig.start()
    until(lambda: rig.streams.length("posts") == 12)
    assert most == 3


def test_partitions_keep_their_records_to_themselves(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": echo}
    for partition in range(3):
        rig.streams.add("raw", *({"n": n} for n in range(partition + 1)), partition=partition)
    rig.start(partitions=3)
    until(lambda: [rig.streams.length("posts", partition) for partition in range(3)] == [1, 2, 3])
    assert [rig.streams.counters(partition)["ingest.in"] for partition in range(3)] == [1, 2, 3]


def test_a_trimmed_target_keeps_its_bound(rig: Rig) -> None:
    def many(records: list[Body]) -> Body:
        outputs = [{"from": r["messageId"], "to": "events", "body": n} for r in records for n in range(500)]
        return {"records": outputs, "finished": [{"itemIdentifier": r["messageId"], "as": "stored"} for r in records]}

    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": many}
    rig.streams.client.hset(counters_key(0), "accepted", 2)
    rig.streams.add("raw", 1, 2)
    rig.start()
    until(lambda: rig.streams.counters().get("stored") == 2)
    assert 100 <= rig.streams.length("events") < 300
    assert rig.streams.books().missing == 0


def test_a_full_target_pauses_reading_and_an_emptied_one_resumes_it(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=5), {"ingest": echo}
    rig.aws.pipes["Streams"]["posts"] = {"MaximumLength": 10}
    rig.streams.add("raw", *({"n": n} for n in range(100)), partition=0)
    poller = rig.start()
    until(lambda: 'barometer_poller_backpressure{partition="0",pipe="ingest"} 1.0' in poller.get("/metrics")[1])
    # What was in flight when it filled may overshoot, by what one poller holds at most.
    assert 10 <= rig.streams.length("posts") <= 20
    assert rig.streams.length("raw") >= 80
    seen = 0
    while seen < 100:
        until(lambda: rig.streams.length("posts"))
        taken = rig.streams.client.xrange(stream_key("posts", 0))
        seen += rig.streams.client.xdel(stream_key("posts", 0), *(entry_id for entry_id, _ in taken))
    assert rig.streams.length("raw") == 0


def test_a_key_that_was_seen_lately_is_a_duplicate(rig: Rig) -> None:
    def keyed(records: list[Body]) -> Body:
        return {
            "records": [
                {"from": r["messageId"], "to": "posts", "body": r["body"], "key": json.loads(r["body"])["id"]}
                for r in records
            ]
        }

    rig.aws.pipes, rig.aws.functions = deployment(BatchSize=3), {"ingest": keyed}
    rig.streams.client.hset(counters_key(0), "accepted", 7)
    rig.streams.add("raw", *({"id": name} for name in ("a", "b", "a", "c", "b", "a", "d")), partition=0)
    rig.start()
    until(lambda: rig.streams.length("raw") == 0)
    assert sorted(json.loads(body)["id"] for body in rig.streams.bodies("posts")) == ["a", "b", "c", "d"]
    counters = rig.streams.counters()
    assert counters["duplicates"] == counters["ingest.duplicates"] == 3
    assert (counters["ingest.in"], counters["ingest.out"]) == (7, 4)
    assert rig.streams.books().missing == 0
    (seen,) = rig.streams.client.scan_iter("barometer:{0}:seen:posts:*")
    assert 0 < rig.streams.client.ttl(seen) <= 1_200


def test_metrics_and_health_are_told(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": echo}
    rig.streams.add("raw", {"n": 1})
    poller = rig.start()
    until(lambda: poller.get("/healthz") == (200, '{"status":"ok"}'))
    until(lambda: 'barometer_poller_ended_records_total{pipe="ingest"} 1.0' in poller.get("/metrics")[1])
    metrics = poller.get("/metrics")[1]
    for name in ("lag_records", "oldest_age_seconds", "in_flight_records", "batch_records_bucket",
                 "invoke_seconds_bucket", "pending_records"):  # fmt: skip
        assert f"barometer_poller_{name}{{" in metrics
    assert poller.get("/other")[0] == 404


def test_cloudwatch_is_told_what_waits_on_standard_output_if_it_shall_be(rig: Rig) -> None:
    rig.aws.pipes, rig.aws.functions = deployment(), {"ingest": echo}
    rig.streams.add("raw", {"n": 1})
    rig.streams.client.xadd(stream_key("dead", 0), {"body": "{}"})
    silent, telling = rig.start(), rig.start(cloudwatch_seconds=0.5)
    until(lambda: telling.log.read_text().count('"_aws"') >= 2)

    line = json.loads(next(line for line in telling.log.read_text().splitlines() if '"_aws"' in line))
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Barometer"
    assert set(*directive["Dimensions"]) == {"deployment", "service"}
    assert {metric["Name"] for metric in directive["Metrics"]} == {"Lag", "OldestAge", "DeadLetters"}
    assert (line["deployment"], line["service"]) == ("/barometer/pipes", "barometer")
    assert (line["DeadLetters"], line["Lag"][0] >= 0, line["OldestAge"][0] >= 0) == ([1.0], True, True)
    assert '"_aws"' not in silent.log.read_text()


@one_server
@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"redis_url": ""}, "BAROMETER_REDIS_URL"),
        ({"lease_seconds": 0}, "BAROMETER_LEASE_SECONDS"),
        ({"metrics_host": "192.0.2.1"}, "BAROMETER_METRICS_PORT: cannot listen on 192.0.2.1"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_exit_1(rig: Rig, settings: dict[str, object], sentence: str) -> None:
    rig.aws.pipes = deployment()
    poller = rig.start(ready=False, **settings)
    assert poller.process.wait(60) == 1
    last = poller.log.read_text().splitlines()[-1]
    assert last.startswith("poller: ")
    assert sentence in last
    assert "Traceback" not in poller.log.read_text()


def test_partitions_that_would_be_left_out_with_their_posts_are_one_sentence_and_exit_1(rig: Rig) -> None:
    rig.aws.pipes = deployment()
    rig.streams.client.hincrby(counters_key(4), "accepted", 1)
    poller = rig.start(ready=False, partitions=2)
    assert poller.process.wait(60) == 1
    assert "BAROMETER_PARTITIONS: there were more than 2 before" in poller.log.read_text().splitlines()[-1]


@one_server
def test_a_wrong_deployment_is_one_sentence_and_exit_1(rig: Rig) -> None:
    rig.aws.pipes = deployment(Targets=["nowhere"])
    poller = rig.start(ready=False)
    assert poller.process.wait(60) == 1
    assert "names stream 'nowhere', which Streams does not declare" in poller.log.read_text().splitlines()[-1]
