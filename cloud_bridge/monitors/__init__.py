"""What a monitor watches and when it fires: functions of data, without I/O and without a clock."""
