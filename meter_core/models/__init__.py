"""Candidates to train, and the exported predictor that batch and service use."""
