"""Real processes that are killed, cut off and run out of disk at random instants."""
