"""What the commands of the developers loop do: tests, checks, locks, generators."""
