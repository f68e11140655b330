"""Who asks, by which key, and what they may."""
