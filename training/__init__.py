"""How the embedded model is made: corpora to weights. One step is one command, `python -m training.<step>`.

Not part of the service, and not in the bento. `training/README.md` has the order of the steps and their figures.
"""
