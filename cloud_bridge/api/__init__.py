"""The published API: a module for each resource, and what all of them share."""
