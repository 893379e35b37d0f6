"""What the cloud asks of vehicles."""
