"""The HTTP API as data: request and response models, errors, and the OpenAPI document."""
