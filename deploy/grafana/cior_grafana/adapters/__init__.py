"""The two ways to a Grafana behind :class:`cior_grafana.port.GrafanaPort`."""
