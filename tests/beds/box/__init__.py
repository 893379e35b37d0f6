"""A box in a vehicle: Debian with systemd and the agent's package on a disk of its own, in user-mode Linux."""
