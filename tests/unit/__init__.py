"""One file a module; names state behaviour."""
