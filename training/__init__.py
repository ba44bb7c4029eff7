"""Train the embedded model, from corpora to weights. Each step is a command, `python -m training.steps.NAME`.

It is not part of the service, and not in the bento. `training/README.md` describes the steps and their results.
"""
