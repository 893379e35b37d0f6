"""The secrets of API clients, and how often each may ask."""
