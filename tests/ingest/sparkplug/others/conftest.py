"""edge.py belongs to another environment: pytest's doctests cannot import it."""

collect_ignore = ["edge.py"]
