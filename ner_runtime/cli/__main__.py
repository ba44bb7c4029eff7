"""Run the `raner` command as `python -m ner_runtime.cli`."""

from ner_runtime.cli.app import main

main()
