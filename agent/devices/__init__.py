"""What the box itself says: messages without a bus."""
