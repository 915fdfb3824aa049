"""Faust app factory, agents, guard and timers. No business rule."""
