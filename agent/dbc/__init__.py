"""DBC text: its statements, and the healing of what is wrong with them."""
