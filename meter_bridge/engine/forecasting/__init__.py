"""Forecasts of accounts, made at night and kept."""
