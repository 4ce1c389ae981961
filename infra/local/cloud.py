"""``python -m infra.local.cloud``: ministack, closed to web pages."""

from ministack import app as ministack  # type: ignore[import-untyped]  # it has no types

from infra.local.guard import closed_to_pages


def main() -> None:
    """Serve until SIGTERM, as ``python -m ministack`` does."""
    ministack.app = closed_to_pages(ministack.app)
    ministack.main()


if __name__ == "__main__":
    main()
