"""Predicts how many kWh each meter will use."""

__version__ = "0.1.0"
