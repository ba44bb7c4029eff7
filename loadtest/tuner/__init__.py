"""Find the best settings for this machine: `make tune`.

For each candidate (workers, threads, engine) the tuner starts the service and searches for the highest rate of random
arrivals at which the 99th percentile of the latency meets the goal. docs/tuning.md describes the method.
"""
