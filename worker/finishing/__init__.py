"""What is done to a finished picture before its owner gets it."""
