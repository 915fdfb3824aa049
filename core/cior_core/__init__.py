"""The pure domain: words, rules and laws. No I/O, no clock, no logging."""
