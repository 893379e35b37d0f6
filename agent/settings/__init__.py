"""The agent's settings, a module for each section of `agent.toml`."""
