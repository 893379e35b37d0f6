"""The version of canlift: both sides are released together."""

VERSION = "0.1.0"
