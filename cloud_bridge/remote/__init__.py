"""Remote actions are moved along: commands go to vehicles, callbacks are told, and what came of it is written."""
