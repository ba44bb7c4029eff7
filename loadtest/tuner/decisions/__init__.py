"""What follows from the results so far: the next rate, the finalists, the best candidate. Starts no process."""
