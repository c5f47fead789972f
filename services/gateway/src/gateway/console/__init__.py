"""The page at `/`: what runs, what happened last, where to go."""
