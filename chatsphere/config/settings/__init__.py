"""One module an environment: development, test, production. ``CHATSPHERE_ENV`` chooses (see ``chatsphere.config.environment_module``)."""
