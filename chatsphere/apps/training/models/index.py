"""The tables in which chunks are found."""

__all__: list[str] = []
