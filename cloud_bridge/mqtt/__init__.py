"""The broker as the bridge meets it: connections that last, and what it keeps for a vehicle."""
