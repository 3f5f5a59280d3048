"""What the service is measured against: the same reading, the same predictor, the same four values in the answer."""
