"""The log as server-sent events, resumable from any position."""
