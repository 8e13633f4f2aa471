"""Shelly, generation 2 and later."""
