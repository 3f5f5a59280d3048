"""Features, from arrays to arrays: the same code in training, batch and serving."""
