"""Alerts: opened, acknowledged, closed."""
