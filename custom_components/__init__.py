"""Home for the integration while it is developed; Home Assistant looks for one by this package's name."""
