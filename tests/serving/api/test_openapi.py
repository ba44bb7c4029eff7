from ner_runtime.serving.api.errors import STATUSES
from ner_runtime.serving.api.openapi import openapi


def test_every_route_states_the_schema_of_its_responses() -> None:
    document = openapi()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                [content] = response["content"].values()
                assert content["schema"], f"{path} {status}"


def test_every_reference_resolves() -> None:
    document = openapi()
    schemas = document["components"]["schemas"]

    def check(value: object) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                assert value["$ref"].removeprefix("#/components/schemas/") in schemas
            for part in value.values():
                check(part)
        elif isinstance(value, list):
            for part in value:
                check(part)

    check(document)
    assert {"NerRequest", "NerResponse", "NerBatchResponse", "ModelResponse", "ErrorResponse"} <= set(schemas)
    assert {"RedactRequest", "RedactResponse", "ReplacementItem", "Mask", "Hash"} <= set(schemas)


def test_the_error_codes_are_listed() -> None:
    assert set(openapi()["components"]["schemas"]["ErrorItem"]["properties"]["code"]["enum"]) == set(STATUSES)
