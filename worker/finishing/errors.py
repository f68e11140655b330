"""Why pictures cannot be finished as the settings want it."""


class CannotFinish(Exception):
    """What finishes pictures is missing or wrong; the message is one line that names the variable."""
