"""The servers that ChatSphere brings along, and the supervisor that runs everything as one process tree.

Nothing here imports Django: the supervisor stays small, and Django runs in its children.
"""
