"""What is kept on disk: whole or absent, and nothing unpickled."""
