"""What clients write and read, in the published shape: bodies of requests, webhooks, ids and times."""
