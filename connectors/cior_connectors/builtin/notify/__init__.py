"""Rings people: commands for teams become messages on phones, and an acknowledgement comes back by a link."""
