"""The cellular modem: how well it hears, and what to do when it does not any more."""
