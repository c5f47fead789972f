"""`takt redrive`: what lies aside, looked at and sent on by a person at a terminal."""
