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
    "cior_vision_inference_seconds",
    "one call of the engine, for all pictures that went together",
    latency=DISK,
)
LOOKED_AT = declare(
    "cior_vision_looked_at_pictures_total",
    "pictures that the engine looked at; over the calls of cior_vision_inference_seconds: how many went together",
)
QUEUE_LATENCY = declare(
    "cior_vision_queue_seconds", "a picture's wait for others and for the engine", latency=DISK
)
