"""fit, evaluate, predict: data to batches, strings to objects, the training step."""
