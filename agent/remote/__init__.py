"""What the cloud has the vehicle do: at most once, only what is allowed, and never while it moves."""
