"""Published data become status, positions, trips, alerts, collisions and alarms: functions of data."""
