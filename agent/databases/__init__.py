"""CAN databases: read by cantools, healed where they are dirty, laid out for the decoders."""
