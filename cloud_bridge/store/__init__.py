"""The database: the port that all others know, and SQLite behind it."""
