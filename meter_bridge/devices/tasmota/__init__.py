"""Tasmota."""
