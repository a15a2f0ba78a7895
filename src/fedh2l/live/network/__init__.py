"""How posts travel: links, announcements, questions and answers."""
