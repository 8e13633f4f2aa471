"""Meters: the connection to the broker, one driver per family, and simulators of the same families."""
