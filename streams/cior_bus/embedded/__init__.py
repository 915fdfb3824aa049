"""Parts that let CIOR run on one machine without Docker and without root."""
