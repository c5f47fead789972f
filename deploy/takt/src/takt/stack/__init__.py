"""The running stack: data folder, start and stop in order, restarts, logs, and the interface for scripts."""
