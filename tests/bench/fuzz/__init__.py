"""Hostile messages, drawn by seed, and where each of them ended."""
