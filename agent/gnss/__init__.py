"""The GNSS receiver: its sentences, its fixes, and the frames they travel in to the sampler."""
