"""What happens in the plant."""
