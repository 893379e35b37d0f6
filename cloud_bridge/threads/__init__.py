"""How the threads of a bridge get on: they outlive a defect, wait only where they may, and share what was computed."""
