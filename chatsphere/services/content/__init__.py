"""From a file or a page to chunks: extract (a reader a format), clean, chunk. Plain Python, no Django, no network."""
