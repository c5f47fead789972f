"""Who may come in: users, sign-ins, refresh rotation, throttling, the signing key."""
