"""Ways to forecast that are no candidates: what they would be worth, for docs/decisions/candidates.md."""
