"""The fixtures of all tests, one file for each thing they bring up."""

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_broker",
    "tests.fix_proxy",
    "tests.fix_disk",
    "tests.fix_browser",
    "tests.fix_passwords",
]
