"""The order card: everything that is known of one order, made of events alone."""
