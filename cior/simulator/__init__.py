"""The city simulator: speaks the real wire protocols over real sockets, from seeded scripts on a relative clock. It knows nothing of Kafka."""
