"""What running monitors wait for, pushed down into the vehicles that they cover."""
