"""`kandinsky up`: the whole service on one machine."""
