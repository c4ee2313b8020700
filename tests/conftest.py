"""Fixtures that every room's tests may use; and examples that are the same in every run.

A property that fails for one in a thousand examples must not fail one run in twenty. To look for new ones:
`pytest --hypothesis-profile=search`, for the laws with LAWS_EXAMPLES=1000.
"""

from hypothesis import settings

pytest_plugins = ["tests.fleet.plugin", "tests.programs"]

settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.register_profile("search", derandomize=False, deadline=None, print_blob=True)
settings.load_profile("same")
