"""Traccar: position forwarding received over HTTP, history reconciled over Traccar's REST API."""
