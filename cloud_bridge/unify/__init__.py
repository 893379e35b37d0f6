"""Raw columns of an upload become published data, by the vehicle's profile: functions of data."""
