"""What the API and the log offer, as one document each and as pages."""
