"""Grafana dashboards as code: what they show, their generated JSON, and what provisions them.

Start with `dashboards.build`: it is the table of contents. Grafana takes a wrong dashboard without a word, so
`dashboards.check` looks for what it would have to complain about.
"""
