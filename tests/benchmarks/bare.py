"""The least that Textual can show: what the first paint of the catalogue is measured against."""

from textual.app import App, ComposeResult
from textual.widgets import Footer, Header


class Bare(App[None]):
    """A header, a footer, nothing else."""

    TITLE = "bare-textual"

    def compose(self) -> ComposeResult:
        """The two."""
        yield Header()
        yield Footer()


if __name__ == "__main__":
    Bare().run()
