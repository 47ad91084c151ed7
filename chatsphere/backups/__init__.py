"""Backups of the whole platform: the database at one moment, the uploaded files, and what is needed to prove that both came back."""
