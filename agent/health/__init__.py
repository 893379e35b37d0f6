"""How the agent is: for systemd, for people, for what collects metrics."""
