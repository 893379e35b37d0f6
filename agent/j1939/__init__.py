"""J1939, as trucks and machines speak it: what an id and a parameter say, and broadcasts longer than a frame."""
