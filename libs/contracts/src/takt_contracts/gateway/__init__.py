"""Who comes in through the front door."""
