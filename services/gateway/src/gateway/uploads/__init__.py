"""Files at the door: checked while they arrive, kept in the inbox, told to the plant."""
