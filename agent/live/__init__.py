"""A live run: its buses, the box itself and what the cloud asks, put together and kept going until it is stopped."""
