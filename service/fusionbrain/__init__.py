"""The public API of FusionBrain, which is Kandinsky's own, so that its clients move by changing the host."""
