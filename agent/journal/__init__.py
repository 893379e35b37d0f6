"""What is on its way, kept until the bridge has receipted it."""
