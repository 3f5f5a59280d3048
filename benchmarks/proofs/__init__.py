"""Proofs that take minutes: run by hand with `make prove`, each subject with a dated report in docs/proofs."""
