"""What Takt tells and takes: events, resources, problems. Needs pydantic and nothing else."""
