"""The pictures of requests: where they come from, and what is read of them."""
