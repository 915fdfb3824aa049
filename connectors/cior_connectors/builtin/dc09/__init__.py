"""SIA DC-09 receiver: alarm panels over TCP and UDP, plain and encrypted."""
