"""Snapshots and the stream of events."""
