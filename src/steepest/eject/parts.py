"""The fixed parts of a script: small stand-ins for what a measure reads, training, the comparison with the ledger."""

from __future__ import annotations

STAND_INS = '''
class Undecided(Exception):
    """A measure cannot decide."""


class Measured(NamedTuple):
    """What a measure found: one number per seed."""

    values: list[float]
    runs: list[str]
    exact: bool = False
    evidence: str = ""


def measure(symbol=""):
    """Let a function of results and other arguments take the others first, the results later."""
    return lambda function: lambda *given, **options: lambda results: function(results, *given, **options)


@dataclass
class Run:
    """Numbers by name, and tables of curves by name."""

    facts: dict[str, Any]
    tables: dict[str, Any]
    id: str = ""

    def table(self, name):
        return self.tables[name]

    def column(self, name, table="curves"):
        return np.asarray(self.tables[table][name])
'''

BEST = '''
@dataclass
class Best:
    """The runs of an optimizer at its selected learning rate, one per seed."""

    label: str
    runs: list[Run]

    @property
    def exponent(self):
        return math.log10(self.runs[0].facts["lr"])

    def curves(self, column="loss"):
        return np.stack([run.column(column) for run in self.runs])


class Sweep(NamedTuple):
    """Optimizers at their selected learning rates."""

    name: str

    def best(self, label, *, decisive=True):
        return Best(label, RUNS[self.name, label]())
'''

LABELS = '''
@dataclass
class HeavyTailedLabels:
    """m levels of frequency: level i = 0 … m−1 has 2^i classes with 2^(m−i) samples each."""

    m: int

    def counts(self):
        return np.array([2 ** (self.m - level) for level in range(self.m) for _ in range(2**level)])

    def labels(self):
        return np.repeat(np.arange(2**self.m - 1), self.counts())

    @property
    def num_classes(self):
        return 2**self.m - 1
'''

ALONE = """    objective = losses"""
STACKED = """    params = [w[None].clone() for w in params]  # a stack of one run, for the bits of those in the ledger
    objective = torch.func.vmap(losses, in_dims=(*(0 for _ in params), *({axis} for _ in data)))"""
OWN_DATA = """
    data = [x[None] for x in data]"""

TRAINING = '''
def train(rule, *, lr, steps, seed, **options):
    """Return a run: the loss, by group and by class too, before each update and after the last."""
    params, data, shares = setup(seed)
{setting}
    for w in params:
        w.requires_grad_()
    state, rows = {{}}, []
    for step in range(steps + 1):
        found = objective(*params, *data)
        weighted = (found.detach().flatten().double() * shares.double(), shares.double())
        by_index = mean_by(GROUPS, NUM_GROUPS, *weighted), mean_by(CLASSES, int(CLASSES.max()) + 1, *weighted)
        rows.append((weighted[0].sum(), *by_index))
        if step < steps:
            {backward}
            with torch.no_grad():
                rule(params, state, lr, **options)
            for w in params:
                w.grad = None
    loss, group, by_class = (torch.stack(column).numpy() for column in zip(*rows, strict=True))
    facts = {{"lr": lr, "initial_loss": float(loss[0]), "final_loss": float(loss[-1])}}
    return Run(facts, {{"curves": {{"step": np.arange(steps + 1), "loss": loss, "group": group, "class": by_class}}}})


def mean_by(index, size, weighted, shares):
    """Return the mean loss of the examples that share an index."""
    zeros = torch.zeros(size, dtype=torch.float64)
    return zeros.index_add(0, index, weighted) / zeros.index_add(0, index, shares)
'''


def training(*, stacked: bool, shared: bool) -> str:
    """Return the source of training.

    Args:
        stacked: whether the runs of the ledger trained in stacks.
        shared: whether those of a stack read the same data.
    """
    if not stacked:
        return TRAINING.format(setting=ALONE, backward="(found @ shares).backward()")
    setting = STACKED.format(axis=None if shared else 0) + ("" if shared else OWN_DATA)
    return TRAINING.format(setting=setting, backward="(found * shares).sum().backward()")


CALCULATION = '''
def calculate(function, **options):
    """Return a run: what a function calculates."""
    answer = function(**options)
    numbers, tables = answer if isinstance(answer, tuple) else (answer, {})
    return Run(numbers, tables)
'''

RESULTS = '''
class Results:
    """What the measure may ask for."""
'''

SETTINGS = """
    settings = SimpleNamespace({fields})"""

CALCULATIONS = """
    def calculations(self, name):
        return RUNS[name]()"""

SWEEP = """
    def sweep(self, name):
        return Sweep(name)"""

CHECK = """
LEDGER = {ledger}


def main():
    found = {measure}(Results())
    measured = float(np.mean(found.values))
    same = math.isclose(measured, LEDGER, rel_tol=1e-3, abs_tol=1e-6)
    print(f"measured {{measured:.6g}}, the ledger has {{LEDGER:.6g}}: {{'the same' if same else 'DIFFERENT'}}")
    if len(found.values) > 1:
        print("by seed:", *(f"{{value:.6g}}" for value in found.values))
    if found.evidence:
        print(found.evidence)
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
"""
