"""What can be wrong with the arguments of a command."""


class UsageError(Exception):
    """An argument that cannot be; the text says what was expected."""
