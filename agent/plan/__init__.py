"""The compile step: profile and databases become a plan."""
