"""`takt demo`: a small plant of our own, made through the front door, and proof of what landed."""
