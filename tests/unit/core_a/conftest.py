"""Property tests judge what is true, not how fast a shared machine is: no deadline per example (speed has its own tests)."""

from hypothesis import settings

settings.register_profile("core", deadline=None)
settings.load_profile("core")
