import mmct  # noqa: F401  before the tests import MMTracking
