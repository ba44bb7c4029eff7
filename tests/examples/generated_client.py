"""Use the generated package `client`, beside which this file is copied: find the entities of a text."""

import sys
from importlib import import_module

models = import_module("client.models")
Client = import_module("client.client").Client
ner = import_module("client.api.default.ner")

with Client(base_url=sys.argv[1]) as client:
    response = ner.sync(client=client, body=models.NerRequest(text="马云在杭州。"))
assert isinstance(response, models.NerResponse)
for entity in response.data:
    sys.stdout.write(f"{entity.type_} {entity.span} {entity.start_offset} {entity.end_offset}\n")
