"""The numbers of a vision worker, declared once (``cior_bus.metrics``).

No label names a camera: where it hangs is a place.
"""

from __future__ import annotations

from cior_bus.metrics import DISK, PRESS, declare

PUBLISHED = declare("cior_vision_published_events_total", "events made durable", labels=("lane",))
DROPPED = declare(
    "cior_vision_dropped_events_total",
    "events given up because the outbox was full, with reason and intent",
    labels=("lane", "reason", "intentional"),
)
EVENT_LATENCY = declare(
    "cior_vision_frame_to_event_seconds",
    "arrival of a picture to the event about it made durable",
    labels=("lane",),
    latency=PRESS,
)
INFERENCE_LATENCY = declare(
    "cior_vision_inference_seconds", "one call of the detector, for all pictures that waited", latency=DISK
)
