"""How a stage logs: one line an event, to standard error; readable in a terminal, JSON elsewhere."""

import sys

import structlog


def log_to_stderr() -> None:
    """Set structlog up for this process. Tracebacks are plain: local variables may hold what no log may."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(
                [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
                if terminal
                else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
            ),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
