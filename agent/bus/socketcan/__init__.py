"""SocketCAN: the buses of a Linux box, read in bursts. `buses.Buses` is the way in."""
