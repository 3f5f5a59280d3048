"""How fast the service answers, beside what else one could have used, in one run on one machine."""
