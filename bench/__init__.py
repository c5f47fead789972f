"""What we claim, measured beside the peers it is claimed against. Only ratios of one run count."""
