"""One router a noun. Who may use it is said where it is mounted, in api/app.py."""
