"""One Alembic environment for every service; revisions live with the service."""
