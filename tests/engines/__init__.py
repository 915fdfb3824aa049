"""Real engines for tests: brokers and a ClickHouse server, on loopback, without Docker."""
