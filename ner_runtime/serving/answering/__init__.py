"""From a validated request to a response: handler, cache, scheduler and the model slot."""
