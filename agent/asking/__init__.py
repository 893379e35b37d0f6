"""Asking the vehicle's computers: the agent only asks, the answers are decoded from the bus as everything else is."""
