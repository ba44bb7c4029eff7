"""`raner bench`: measure the speed of a model, from the engine to HTTP."""
