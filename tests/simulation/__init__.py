"""Deterministic simulation of the whole bridge: virtual time, and everything around it that can fail."""
