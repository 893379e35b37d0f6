"""Privacy: what the vehicle keeps to itself, and who says so."""
