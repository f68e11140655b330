"""Training of the demonstration checkpoint: labelled pictures, captions, compositions."""
