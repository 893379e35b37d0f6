"""The box and its supply: when to end a day, and when to spare the battery."""
