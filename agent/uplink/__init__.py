"""The way to the bridge: MQTT."""
