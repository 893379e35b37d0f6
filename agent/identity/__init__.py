"""The vehicle's certificate: its key, which never leaves the box, asking for one, and taking up the next."""
