"""Grafana as code: boards, rules, provisioning and the client; every query proven on the real engine (room deploy)."""
