"""How a figure is told."""


def told(what: str, measured: str, budget: str, kept: bool, detail: str) -> None:
    """Print one figure beside its budget."""
    print(f"{'✓' if kept else '✗'} {what}: {measured}  (budget {budget}; {detail})", flush=True)
