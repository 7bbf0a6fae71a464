"""For all tests."""

from hypothesis import settings

# how long an example takes says more of the machine's other work than of the code
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")
