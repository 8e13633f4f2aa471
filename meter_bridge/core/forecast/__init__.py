"""Forecasts of consumption, cost and depletion."""
