"""Scores, baselines, splits, skill and the leak check: pure functions of arrays and frames."""
