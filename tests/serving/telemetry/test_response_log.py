from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.serving.api.access_record import AccessRecord
from ner_runtime.serving.telemetry.response_log import ResponseLogRecord, timestamp

NOTES = st.dictionaries(
    st.sampled_from(["chars", "model", "cached", "redaction"]), st.none() | st.booleans() | st.text()
)


@given(method=st.text(), code=st.none() | st.text(), request_id=st.text(), notes=NOTES)
def test_the_short_way_to_json_gives_the_same_line(
    method: str, code: str | None, request_id: str, notes: dict[str, object]
) -> None:
    response = AccessRecord("/ner", method, 429, 0.0012345, code, notes, request_id, at=1.5)
    record = ResponseLogRecord(response, logging.INFO)
    head = {"time": "1970-01-01T00:00:01.500+00:00", "level": "info", "event": "request", "pid": os.getpid()}
    assert record.to_json() == json.dumps(head | record.fields())


def test_fields_without_a_value_are_left_out() -> None:
    record = ResponseLogRecord(AccessRecord("/ner", "POST", 200, 0.0012346, notes={"chars": 5}), logging.INFO)
    assert record.fields() == {"path": "/ner", "method": "POST", "status": 200, "ms": 1.235, "chars": 5}


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING])
def test_other_handlers_can_format_the_record(level: int) -> None:
    record = ResponseLogRecord(AccessRecord("/ner", "POST", 200, 0.1, at=7.25), level)
    assert (record.levelno, record.getMessage(), record.created) == (level, "request", 7.25)
    assert logging.Formatter("%(levelname)s %(message)s").format(record).endswith(" request")


@given(st.integers(0, 2**33), st.integers(0, 999))
def test_a_timestamp_is_the_time_in_utc(seconds: int, milliseconds: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000 + 500)
    assert timestamp(at.timestamp()) == at.isoformat(timespec="milliseconds")
