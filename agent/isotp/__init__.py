"""ISO-TP (ISO 15765-2): messages of more than a frame, put together from the frames that a bus carries."""
