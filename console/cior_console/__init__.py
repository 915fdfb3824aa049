"""HTTP API, operator console and live feed."""
