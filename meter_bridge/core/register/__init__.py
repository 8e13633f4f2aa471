"""Arithmetic of a meter's register."""
