import json

from ner_runtime.entities import Entity
from ner_runtime.serving.api.responses import Meta, NerResponse, Timings
from ner_runtime.serving.api.serialization import entities_json, with_data

COLORS = {"PER": "red"}
META = Meta(
    model="m",
    version="1",
    precision="int8",
    windows=1,
    cached=False,
    offset_unit="code_point",
    timings_ms=Timings(total=2.0, queue=0.5, inference=1.5),
)


def test_offsets_count_code_points_or_utf16_code_units() -> None:
    text = "𠮷野家的马云"
    entity = Entity("PER", "马云", 4, 6, 0.99999999)
    [points] = json.loads(entities_json(text, [entity], COLORS, "code_point"))
    offsets = {"start_offset": 4, "end_offset": 6}
    assert points == {"type": "PER", "span": "马云", **offsets, "score": 1.0, "color": "red", "source": "model"}
    [units] = json.loads(entities_json(text, [entity], COLORS, "utf16"))
    assert (units["start_offset"], units["end_offset"]) == (5, 7)


def test_chinese_is_not_escaped_and_lone_surrogates_are() -> None:
    assert "马云".encode() in entities_json("马云", [Entity("PER", "马云", 0, 2, 0.5)], COLORS, "code_point")
    encoded = entities_json("\ud800", [Entity("PER", "\ud800", 0, 1, 0.5)], COLORS, "code_point")
    assert b'"span":"\\ud800"' in encoded


def test_long_lists_are_encoded_in_parts_without_a_difference() -> None:
    text = "云" * 1000
    entities = [Entity("PER", "云", index, index + 1, 0.5) for index in range(1000)]
    decoded = json.loads(entities_json(text, entities, COLORS, "code_point"))
    assert [item["start_offset"] for item in decoded] == list(range(1000))
    assert entities_json(text, [], COLORS, "code_point") == b"[]"


def test_data_is_put_into_a_response() -> None:
    data = entities_json('"data":[]', [Entity("PER", '"data":[]', 0, 9, 0.5)], COLORS, "code_point")
    response = NerResponse.model_validate_json(with_data(NerResponse(success=True, data=[], meta=META), data))
    assert [item.span for item in response.data] == ['"data":[]']
    assert response.meta == META
