"""Examples: sentences to batches, and the ways in which training changes them."""
