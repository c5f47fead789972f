"""`takt import`: a file of the user's own on its way into the plant, watched until it has landed."""
