"""Whole corpora: read files of texts in shards, annotate each shard once, and resume after an interruption.

    sources ─▶ shards ─▶ annotator ─▶ output
               (bounded)  (one per worker process)

A shard depends on the input and the plan only, and its parts are replaced atomically, so that annotating it again
writes the same files. `local` runs the workers as processes of this machine, `ray_engine` on a Ray cluster.
"""
