"""The gateway: takes requests over HTTP, turns them into jobs, and shows what becomes of them."""
