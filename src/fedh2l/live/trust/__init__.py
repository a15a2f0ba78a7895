"""Who may speak: keys, certificates, and the terms that the convener signs."""
