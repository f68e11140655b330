"""The mock models: every kind of job without a network, at a set speed and with set failures."""
