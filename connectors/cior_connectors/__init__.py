"""Connector contract, kit, runtime and built-ins."""
