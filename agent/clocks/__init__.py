"""The clocks of a box, what ties them to the calendar, and which of that is believed."""
