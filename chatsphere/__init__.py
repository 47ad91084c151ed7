"""ChatSphere: a backend on which a company builds chatbots trained on its own content."""

__version__ = "0.1.0"
