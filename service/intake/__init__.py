"""How a request becomes a job: whether there is room, whether it came before, whether it may."""
