"""Tests of remote control on real SocketCAN, with everything beside it that it has when it is in use."""
