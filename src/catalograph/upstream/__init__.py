"""The upstream catalogue over HTTP; the only package that imports httpx."""
