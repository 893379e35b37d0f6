"""What vehicles sent becomes telemetry, status and records: looked at, folded, and written."""
