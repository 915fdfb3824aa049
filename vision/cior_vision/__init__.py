"""Frames to detections to incidents."""
