"""The vehicle profile: one TOML file that describes a model, a module for each part of it."""
