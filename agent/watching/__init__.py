"""What the cloud wants to be told at once: taken over the wire, kept, and handed to the sampler."""
