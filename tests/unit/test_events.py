"""The contract between poller and functions."""

import pytest
from pydantic import ValidationError

from barometer.events import BatchResult, StreamEvent

RECORD = {
    "messageId": "1-0",
    "body": '{"a": 1}',
    "eventSource": "barometer:redis",
    "stream": "raw",
    "attributes": {"ApproximateReceiveCount": "2", "SentTimestamp": "1763812800000"},
}


def test_an_event_shaped_like_one_of_sqs_is_read():
    (record,) = StreamEvent.model_validate({"Records": [RECORD]}).records
    assert (record.message_id, record.stream, record.json()) == ("1-0", "raw", {"a": 1})
    assert (record.attributes.receive_count, record.attributes.sent_timestamp) == (2, 1_763_812_800_000)


@pytest.mark.parametrize("event", [{}, {"Records": []}, {"Records": [{"messageId": "1-0"}]}, {"Records": None}, []])
def test_what_is_no_batch_is_refused_whole(event: object):
    with pytest.raises(ValidationError):
        StreamEvent.model_validate(event)


def test_a_body_that_is_not_json_is_a_value_error_of_its_record():
    (record,) = StreamEvent.model_validate({"Records": [RECORD | {"body": "{"}]}).records
    with pytest.raises(ValueError, match="unexpected end"):
        record.json()


def test_a_result_names_each_record_where_its_end_belongs():
    result = BatchResult()
    result.emit("1-0", "posts", {"a": 1}, key="k")
    result.emit("2-0", "posts", {"a": 2})
    result.finish("3-0", "stored")
    result.fail(["4-0", "5-0"])
    result.reject("6-0", "text: is empty")
    assert result.as_response() == {
        "records": [
            {"from": "1-0", "to": "posts", "body": {"a": 1}, "key": "k"},
            {"from": "2-0", "to": "posts", "body": {"a": 2}},
        ],
        "finished": [{"itemIdentifier": "3-0", "as": "stored"}],
        "batchItemFailures": [{"itemIdentifier": "4-0"}, {"itemIdentifier": "5-0"}],
        "rejections": [{"itemIdentifier": "6-0", "reason": "text: is empty"}],
    }
