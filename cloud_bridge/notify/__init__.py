"""What waits in the outbox is posted to the targets that clients registered."""
