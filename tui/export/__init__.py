"""A run, to take away: as Markdown, as a picture of the screen, or as SQL for as many terminals as it has sessions."""
