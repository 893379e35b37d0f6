"""What the vehicle and the cloud agree on. Both sides import this package; it imports neither."""
