"""Tariffs: blocks, bands, periods and versions."""
