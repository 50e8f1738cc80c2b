"""What the person has chosen on a lab screen: the part of it that no event tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labs.stream.specs import Cell, ExperimentSpec
from tui.state import LabState
from tui.survey import Key
from tui.text import clean, value

ISOLATION = "isolation"
"""The parameter that holds an isolation level."""


@dataclass(slots=True)
class View:
    """Choices of the person, beside the stream."""

    live: bool = True
    """Whether there is a runner to ask; a recording takes no commands."""
    over: bool = False
    """Whether the stream has ended."""
    lane: str = ""
    """The session that Enter steps."""
    experiment: str = ""
    parameters: dict[str, Cell] = field(default_factory=dict)
    """For the next run; absent ones take their default."""
    asked: str = ""
    """What the runner has been asked for and has not begun yet, as a word: ``rolling back``."""

    opened: str = ""
    """What the run that was asked for is about, as a sentence, where it was opened from a table of cells."""
    cells: dict[str, Key] = field(default_factory=dict)
    """By pane, the cell that its cursor is on."""
    choosing: str = ""
    """The pane whose cursor the arrows move; empty when they do something else."""

    past: bool = False
    """Whether this is the past of a lab that is live."""
    step: int = 0
    """Of a recording or the past, how many steps are shown."""
    steps: int = 0
    playing: bool = False
    speed: float = 1.0
    coming: str = ""
    """What the next one of those steps shows."""

    def spec(self, state: LabState) -> ExperimentSpec | None:
        """The experiment on the screen: the one that runs, or else the one selected."""
        if state.running and state.run is not None:
            return state.experiment(state.run.experiment)
        return state.experiment(self.experiment)

    def stepped(self, state: LabState) -> bool:
        """Whether that one can be stepped; if not, it runs by itself, however it is started."""
        spec = self.spec(state)
        return spec is None or spec.stepped

    def last(self, state: LabState) -> bool:
        """Whether the run on the screen is over, and not of what the person has chosen since."""
        run, spec = state.run, self.spec(state)
        if run is None or state.running or spec is None:
            return False
        chosen = {one.name: self.parameters.get(one.name, one.default) for one in spec.parameters}
        return run.experiment != spec.slug or any(
            name in chosen and chosen[name] != setting for name, setting in run.parameters.items()
        )

    def levels(self, state: LabState) -> tuple[str, ...]:
        """The isolation levels that the experiment on the screen can be run at."""
        spec = self.spec(state)
        choices = (one.choices for one in spec.parameters if one.name == ISOLATION) if spec else ()
        levels = tuple(str(choice) for choice in next(iter(choices), ()))
        # One that leaves the snapshots to the server is the same as one of those that do not.
        return tuple(level for level in levels if not any(other.startswith(f"{level}, ") for other in levels))

    def next_level(self, state: LabState) -> str:
        """The isolation level after the one that is chosen, round at the end."""
        spec, levels = self.spec(state), self.levels(state)
        default = next((one.default for one in spec.parameters if one.name == ISOLATION), "") if spec else ""
        chosen = str(self.parameters.get(ISOLATION, default))
        return levels[(levels.index(chosen) + 1) % len(levels)] if chosen in levels else levels[0]

    def settings(self, state: LabState) -> str:
        """The parameters that differ from their defaults; the isolation level is told elsewhere."""
        spec = self.spec(state)
        chosen = state.run.parameters if state.running and state.run else self.parameters
        return ", ".join(
            f"{clean(one.name)}={value(chosen[one.name], 20)}"
            for one in (spec.parameters if spec else ())
            if "isolation" not in one.name and chosen.get(one.name, one.default) != one.default
        )

    def select(self, state: LabState, by: int) -> None:
        """Go to the next or an earlier experiment of the lab, round at the ends."""
        slugs = [spec.slug for spec in state.lab.experiments] if state.lab else []
        if slugs:
            at = slugs.index(self.experiment) if self.experiment in slugs else -by
            self.choose(slugs[(at + by) % len(slugs)], {})

    def choose(self, experiment: str, parameters: Mapping[str, Cell], opened: str = "") -> None:
        """Select an experiment and what to run it with."""
        self.experiment, self.parameters, self.opened = experiment, dict(parameters), opened

    def follow(self, state: LabState) -> None:
        """Keep the choices possible after events came: an experiment selected, a lane that exists."""
        if state.lab and state.experiment(self.experiment) is None:
            self.choose(state.lab.experiments[0].slug if state.lab.experiments else "", {})
        self._keep_possible(state)
        if not self.live and state.run is not None:
            self.experiment = state.run.experiment
            self.parameters = dict(state.run.parameters)
        if self.lane not in state.sessions:
            self.lane = ""

    def _keep_possible(self, state: LabState) -> None:
        """Of what was chosen on another engine, take what this one comes closest to, or else the default."""
        spec = state.experiment(self.experiment)
        for parameter in spec.parameters if spec else ():
            setting = self.parameters.get(parameter.name)
            if setting is not None and parameter.choices and setting not in parameter.choices:
                closest = str(setting).partition(",")[0]
                if closest in parameter.choices:
                    self.parameters[parameter.name] = closest
                else:
                    del self.parameters[parameter.name]
