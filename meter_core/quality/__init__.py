"""Rules over a delivery: one declaration each, for quarantine, the Great Expectations suite and the documentation."""
