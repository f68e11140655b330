"""Bodies of requests: read piece by piece, within limits, as JSON or as a form."""
