"""Camera streams, honest times, clocks: what the worker and the recorder share."""
