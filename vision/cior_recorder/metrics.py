"""The numbers of a recorder, declared once (``cior_bus.metrics``).

No label names a camera: where it hangs is a place.
"""

from __future__ import annotations

from cior_bus.metrics import MetricKind, declare

SEGMENTS = declare("cior_recorder_segments_total", "segments closed and entered in the index")
RECORDED_BYTES = declare("cior_recorder_recorded_bytes_total", "bytes of segments")
GAPS = declare("cior_recorder_gaps_total", "gaps entered in the index; a long one each minute")
CONNECTIONS = declare("cior_recorder_connections_total", "connections made to cameras")
DROPPED = declare(
    "cior_recorder_dropped_records_total",
    "packets that could not be given a place in a segment, with reason and intent",
    labels=("reason", "intentional"),
)
REMOVED = declare(
    "cior_recorder_removed_segments_total", "segments removed, over their time or for the reserve"
)
PAST_DAYS = declare(
    "cior_recorder_past_days_total", "days of a camera whose index became one line, all of them being gone"
)
HOLDS = declare("cior_recorder_holds_total", "holds placed at a command")
RECORDING = declare("cior_recorder_cameras_recording", "cameras with a segment open", kind=MetricKind.GAUGE)
CAMERAS = declare("cior_recorder_cameras", "cameras of this recorder", kind=MetricKind.GAUGE)
FREE_BYTES = declare("cior_recorder_disk_free_bytes", "free on the ring's disk", kind=MetricKind.GAUGE)
HELD_BYTES = declare("cior_recorder_disk_held_bytes", "kept by holds, each file once", kind=MetricKind.GAUGE)
HOLDS_UNKNOWN = declare(
    "cior_recorder_holds_unknown",
    "1 while it cannot be asked what is held, so that nothing is removed",
    kind=MetricKind.GAUGE,
)
COPIED = declare(
    "cior_recorder_copied_objects_total", "held segments, and parts of their index, copied into the bucket"
)
COPIED_BYTES = declare("cior_recorder_copied_bytes_total", "bytes of them")
COPIES_LOST = declare(
    "cior_recorder_copies_lost_total",
    "held segments that are gone or not as the chain says, and were not copied",
)
COPIES_BEHIND = declare(
    "cior_recorder_copies_behind_s",
    "since when something that is held waits to be copied or locked for longer; 0: nothing does",
    kind=MetricKind.GAUGE,
)
