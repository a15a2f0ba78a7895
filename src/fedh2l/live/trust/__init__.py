"""The right to speak: keys, certificates, and the terms that the convener signs."""
