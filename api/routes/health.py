"""Whether the process answers."""

from fastapi import APIRouter

router = APIRouter(tags=["operation"])


@router.get("/health")
def health() -> dict[str, str]:
    """The process runs. Says nothing about the database: see /ready."""
    return {"status": "ok"}
