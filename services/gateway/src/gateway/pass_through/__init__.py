"""Every resource and verb of the owning services, without code per resource."""
