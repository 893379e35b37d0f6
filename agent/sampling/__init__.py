"""From frames to batches of samples."""
