"""Files of a run or a member on disk: each whole or absent, and none of them unpickled."""
