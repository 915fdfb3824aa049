"""What a city has of itself, as one pack: districts, streets, facilities and cameras, checked and with provenance."""
