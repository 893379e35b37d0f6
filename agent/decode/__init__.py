"""From the payload of a frame to raw and physical values."""
