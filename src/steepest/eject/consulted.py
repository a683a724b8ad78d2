"""What a claim's measure looks at: which calculations, and which optimizers of which sweeps."""

from __future__ import annotations

from typing import Any

from steepest.claims.paper import Results, Settings
from steepest.eject.slices import CannotEject
from steepest.runs.results import Best, SweepResults
from steepest.runs.store import Run


class Consulted:
    """Results of a figure that note what is asked of them, and refuse what a script does not have.

    Attributes:
        plans: names of the calculations asked for.
        selected: (plan, label) of the optimizers asked for.
        settings: those of the figure's settings that were read.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self.plans: dict[str, None] = {}
        self.selected: dict[tuple[str, str], None] = {}
        self.settings = ConsultedSettings(results.settings)

    def calculations(self, name: str) -> list[Run]:
        """Return the runs of some calculations."""
        self.plans[name] = None
        return self._results.calculations(name)

    def sweep(self, name: str) -> ConsultedSweep:
        """Return the results of a sweep."""
        return ConsultedSweep(self, name, self._results.sweep(name))

    def __getattr__(self, name: str) -> Any:
        raise CannotEject(f"its measure reads the {name} of the figure")


class ConsultedSweep:
    """Results of a sweep that note which optimizers are asked for."""

    def __init__(self, parent: Consulted, name: str, results: SweepResults) -> None:
        self._parent, self._name, self._found = parent, name, results

    def best(self, label: str, *, decisive: bool = True) -> Best:
        """Return a method at its selected rate."""
        self._parent.selected[self._name, label] = None
        return self._found.best(label, decisive=decisive)

    def __getattr__(self, name: str) -> Any:
        raise CannotEject(f"its measure reads the {name} of a whole sweep")


class ConsultedSettings:
    """Settings of a figure that note which fields are read.

    Attributes:
        fields: the values that were read, by name.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.fields: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name not in type(self._settings).model_fields:
            raise CannotEject(f"its measure calls {name} of the figure's settings")
        self.fields[name] = getattr(self._settings, name)
        return self.fields[name]
