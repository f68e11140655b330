"""The networks and samplers of the Kandinsky 3 family, and the checkpoints they are loaded from."""
