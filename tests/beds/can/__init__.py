"""What runs on real SocketCAN, inside the bed (`tests.beds.uml`); `tests.beds.test_beds` has it run."""
