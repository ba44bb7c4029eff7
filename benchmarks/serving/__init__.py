"""Compare the service with the design that it replaces, and measure what each layer costs: `make bench-serving`."""
