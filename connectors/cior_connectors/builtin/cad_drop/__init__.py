"""911/CAD file drop: CSV, JSON, NDJSON and XML files become events by configuration alone."""
