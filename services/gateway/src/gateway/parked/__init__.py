"""Records that lie aside, of all services in one list, and what administrators do with them."""
