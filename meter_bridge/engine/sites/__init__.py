"""Applying site files, and changes of devices and policies."""
