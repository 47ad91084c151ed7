"""A version after this one: an app whose migrations change tables that are in use."""
