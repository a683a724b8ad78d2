"""Identity: what makes a run a new one, what does not, and the ids that must never change."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from users import module

from steepest import code
from steepest.claims.paper import Settings
from steepest.component import Component, canonical_json, declared, describe, identity
from steepest.data.corpus import TextFiles
from steepest.data.synthetic import HeavyTailedLabels
from steepest.data.tokens import BPE, Words
from steepest.errors import UsageError
from steepest.optim import Adam, GradientDescent, SignDescent
from steepest.problems import LastLayer, SoftmaxRegression, WeightedQuadratic
from steepest.runs.method import Method
from steepest.runs.spec import Calculation, Spec
from steepest.runs.sweep import Grid, Sweep, decades, untuned
from steepest_papers.kunstner2024heavytailed.probes import CurvatureByClass, ProbabilityByGroup
from steepest_papers.yadav2025signdescent.constants import adaptive_smoothness

GOLDEN = Path(__file__).parent / "golden" / "identities.json"
PROBLEM = SoftmaxRegression(data=HeavyTailedLabels(m=3))
BASE: dict[str, Any] = {"problem": PROBLEM, "method": Method(GradientDescent), "lr": 0.1, "steps": 5}


def square(x: float) -> dict[str, float]:
    return {"square": x * x}


def last_layer(folder: Path) -> LastLayer:
    (folder / "text.txt").write_text("the cat sat\n\non the mat\n", encoding="utf-8")
    return LastLayer(corpus=TextFiles(path=str(folder / "text.txt")), vocabulary=Words(), windows=1, length=2, width=4)


def specs(folder: Path) -> dict[str, Spec | Calculation]:
    probes = (CurvatureByClass(at=(0, 5)), ProbabilityByGroup(at=(5,), groups=3))
    weighted = {"weighting": "inverse", "groups": 3, "by_class": True, "probes": probes, "seed": 7}
    return {
        "softmax, gradient descent": Spec(**BASE),
        "softmax, Adam, everything recorded": Spec(**BASE | weighted | {"method": Method(Adam, betas=(0.0, 0.999))}),
        "quadratic, sign": Spec(
            problem=WeightedQuadratic(num_coordinates=4), method=Method(SignDescent, momentum=0.9), lr=1e-3, steps=2
        ),
        "last layer of a text": Spec(**BASE | {"problem": last_layer(folder)}),
        "calculation": Calculation(adaptive_smoothness, {"num_classes": 4}),
    }


def test_ids_and_descriptions_are_the_golden_ones(tmp_path: Path) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    found = {name: {"id": spec.id, "description": describe(spec)} for name, spec in specs(tmp_path).items()}
    assert found == golden, f"old runs would be orphaned; if that is meant, let {GOLDEN.name} be {json.dumps(found)}"


def test_the_id_is_80_bits_of_the_sha_256_of_sorted_compact_json() -> None:
    for entry in json.loads(GOLDEN.read_text(encoding="utf-8")).values():
        text = json.dumps(entry["description"], sort_keys=True, separators=(",", ":"))
        assert entry["id"] == hashlib.sha256(text.encode()).hexdigest()[:20]


CHANGES = [
    {"problem": SoftmaxRegression(data=HeavyTailedLabels(m=4))},
    {"problem": PROBLEM.changed(bias=False)},
    {"problem": PROBLEM.changed(init="zero")},
    {"problem": SoftmaxRegression(data=HeavyTailedLabels(m=3, inputs="gaussian"))},
    {"method": Method(GradientDescent, momentum=0.9)},
    {"method": Method(SignDescent)},
    {"method": Method(SignDescent, order="signum")},
    {"method": Method(torch.optim.SGD)},
    {"lr": 0.1000000000000001},
    {"steps": 6},
    {"seed": 1},
    {"weighting": "inverse"},
    {"weighting": "inverse-sqrt"},
    {"groups": 3},
    {"by_class": True},
    {"probes": (CurvatureByClass(at=(0,)),)},
    {"probes": (CurvatureByClass(at=(1,)),)},
    {"threads": 2},
    {"every": 2},
    {"l2": 0.1},
    {"device": "mps"},
    {"weighting": "logit-adjusted"},
]


def test_every_field_of_a_spec_changes_its_identity() -> None:
    assert {name for change in CHANGES for name in change} == set(Spec.model_fields)
    ids = [Spec(**BASE).id, *(Spec(**BASE | change).id for change in CHANGES)]
    assert len(set(ids)) == len(CHANGES) + 1


def test_defaults_are_part_of_the_identity() -> None:
    described = describe(Spec(**BASE))
    assert described["threads"] == 1
    assert described["weighting"] == "none"
    assert described["problem"]["data"]["inputs"] == "uniform"
    assert described["method"]["options"] == {"momentum": 0.0}
    assert Spec(**BASE | {"seed": 0, "threads": 1, "groups": None}).id == Spec(**BASE).id


def test_a_changed_default_of_an_optimizer_changes_the_identity() -> None:
    def variant(default: float, number: int) -> Method:
        class Changed(GradientDescent):
            version = number

            def __init__(self, params: Any, lr: float, *, momentum: float = default) -> None:
                super().__init__(params, lr, momentum=momentum)

        return Method(Changed)

    first, default, version = variant(0.0, 1), variant(0.5, 1), variant(0.0, 2)
    assert first == variant(0.0, 1)
    assert len({identity(m) for m in (first, default, version)}) == 3


def test_the_version_of_a_component_changes_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Spec(**BASE).id
    monkeypatch.setattr(HeavyTailedLabels, "version", 2)
    assert Spec(**BASE).id != before
    before = Calculation(adaptive_smoothness).id
    monkeypatch.setattr(adaptive_smoothness, "version", 2)
    assert Calculation(adaptive_smoothness).id != before
    assert Calculation(square, {"x": 2.0}).id != Calculation(square, {"x": 2.0}, seed=0).id


def test_data_outside_of_the_spec_changes_the_identity(tmp_path: Path) -> None:
    problem = last_layer(tmp_path)
    before = identity(problem)
    (tmp_path / "text.txt").write_text("the cat sat\n\non the rug\n", encoding="utf-8")
    assert identity(problem) != before
    (tmp_path / "text.txt").write_text("the cat sat\n\non the mat\n", encoding="utf-8")
    assert identity(problem) == before
    assert identity(problem.changed(vocabulary=BPE(size=300))) != before


class Old(Component):
    size: int


class Grown(Component):
    size: int
    colour: str = "black"
    added: ClassVar[dict[str, Any]] = {"colour": "black"}


def test_a_field_that_is_added_later_does_not_orphan_old_runs() -> None:
    old, same = Old(size=3).description(), Grown(size=3).description()
    assert old | {"kind": "Grown", "code": same["code"]} == same
    new = Grown(size=3, colour="red").description()
    assert new == same | {"colour": "red"}
    assert identity(Grown(size=3, colour="red")) != identity(Grown(size=3))


def test_labels_and_the_order_of_options_do_not_matter() -> None:
    method = Method(Adam, betas=(0.5, 0.9), eps=1e-6)
    same = Method(Adam, "another name", eps=1e-6, betas=(0.5, 0.9))
    assert (method == same, hash(method) == hash(same), identity(method) == identity(same)) == (True, True, True)
    assert Spec(**BASE | {"method": method}).id == Spec(**BASE | {"method": same}).id
    assert method != Method(Adam, betas=(0.5, 0.91), eps=1e-6)
    assert method != "Adam"
    assert same.label == "another name"
    assert repr(same) == "Method(Adam, eps=1e-06, betas=(0.5, 0.9))"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_canonical_json_loses_nothing_and_ignores_the_order_of_keys(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value
    if isinstance(value, dict):
        assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


def test_canonical_json_has_no_text_for_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"lr": float("nan")})


def test_descriptions_name_classes_and_functions_and_unpack_collections() -> None:
    value = {"class": SignDescent, "function": square, "torch": torch.optim.SGD, "tuple": (1, [2.5])}
    assert describe(value) == {
        "class": {"kind": "SignDescent", "version": 1},
        "function": {"kind": "square", "version": 1, "code": code.digest(square)},
        "torch": {"kind": "torch.optim.sgd.SGD", "version": 1},
        "tuple": [1, [2.5]],
    }


def named() -> type[Component]:
    class Named(Component):
        kind: ClassVar[str] = "test_component.named"

    return Named


def test_a_permanent_name_belongs_to_one_class_or_function_however_often_its_code_is_run() -> None:
    assert named()().description() == named()().description()
    assert named()().description()["kind"] == "test_component.named"
    message = (
        r"kind = 'test_component.named' is declared by named.* in .*test_component.py and by {} in .*; .* or restart"
    )
    with pytest.raises(UsageError, match=message.format("square")):
        declared("test_component.named")(square)
    with pytest.raises(UsageError, match=message.format("test_a.*Other")):

        class Other(Component):
            kind: ClassVar[str] = "test_component.named"

    assert describe(declared("test_component.square", version=3)(lambda x: x))["version"] == 3


def test_our_permanent_names_are_those_of_one_class_or_function_each() -> None:
    declares = re.compile(r'^(?:    kind(?:: ClassVar\[str\])? = |@declared\()"([^"]+)"', re.MULTILINE)
    files = (Path(__file__).parents[1] / "src").rglob("*.py")
    kinds = [kind for path in files for kind in declares.findall(path.read_text(encoding="utf-8"))]
    assert {"Spec", "SignDescent", "yadav2025signdescent.descent"} <= set(kinds)
    assert [kind for kind in kinds if kinds.count(kind) > 1] == []


def test_a_method_builds_the_optimizer_with_its_options() -> None:
    w = torch.zeros(2, requires_grad=True)
    optimizer = Method(SignDescent, momentum=0.9).build({"w": w}, lr=0.25)
    assert isinstance(optimizer, SignDescent)
    assert {k: optimizer.defaults[k] for k in ("lr", "momentum", "order")} == {
        "lr": 0.25,
        "momentum": 0.9,
        "order": "sign-first",
    }


def test_a_method_takes_any_option_of_a_class_that_passes_them_on() -> None:
    class Half(torch.optim.SGD):
        def __init__(self, params: Any, lr: float, *more: Any, **options: Any) -> None:
            super().__init__(params, lr / 2, *more, **options)

    w = torch.zeros(2, requires_grad=True)
    assert Method(Half).build({"w": w}, lr=0.5).defaults["lr"] == 0.25
    assert Method(Half, momentum=0.9).build({"w": w}, lr=0.5).defaults["momentum"] == 0.9
    with pytest.raises(UsageError, match="unknown option of Half 'lr'"):
        Method(Half, lr=0.1)


OF_THE_USERS = """
import collections, dataclasses, enum, typing
from typing import Any
from pydantic import PrivateAttr
from steepest.component import Component
class Pair(typing.NamedTuple):
    a: float
    def f(self): return {n}
class Text(enum.StrEnum):
    A = "a"
    def f(self): return {n}
class Number(enum.IntEnum):
    A = 1
    def f(self): return {n}
class Words(dict):
    def __missing__(self, key): return {n}
class Rows(list):
    def f(self): return {n}
class Real(float):
    def f(self): return {n}
class Label(str):
    def f(self): return {n}
@dataclasses.dataclass
class Named:
    value: int
    description: str = "named"
class Told:
    def __init__(self, value): self.value = value
    def description(self): return "told"
class Terse(Component):
    def description(self): return {{"kind": "terse"}}
    def f(self): return {n}
class Titled(Component):
    description: str = "a title"
    size: int = {n}
class Hides(Component):
    _value: Any = PrivateAttr(default=None)
class Holds(Component): pass
hides, holds = Hides(), Holds()
hides._value = vars(holds)["value"] = {n}
things = [
    Pair(1.0), Text.A, Number.A, Words(a=1), Rows([1]), Real(1.0), Label("a"), Named({n}), Told({n}), Terse(), Titled(),
    collections.defaultdict(lambda: {n}), {{{n}: 1}}, hides, holds, (Pair(1.0),), {{"a": Text.A}},
]
"""


def described(n: int) -> list[str]:
    user = module("user_values", OF_THE_USERS.format(n=n))
    return [canonical_json(describe(thing)) for thing in user.things]


@pytest.mark.filterwarnings("ignore:Field name")
def test_a_value_of_a_class_of_the_users_is_known_by_its_class_and_all_that_it_holds() -> None:
    first = described(1)
    assert first == described(1)
    assert [one == other for one, other in zip(first, described(2), strict=True)] == [False] * len(first)
    assert len(set(first)) == len(first)
    assert describe({1: 2}) != describe({"1": 2})
    assert describe(np.float64(0.1)) == 0.1


def test_changed_returns_a_validated_copy() -> None:
    copy = PROBLEM.changed(bias=False)
    assert (copy.bias, PROBLEM.bias, copy.data) == (False, True, PROBLEM.data)

    class Sizes(Settings):
        seeds: tuple[int, ...] = (0,)

    assert Sizes().changed(seeds=[1, 2]) == Sizes(seeds=(1, 2))  # what JSON gives


REFUSED = [
    (lambda: Spec(**BASE | {"lr": -1.0}), "Spec.lr = -1.0: a learning rate must be a finite number above 0"),
    (lambda: Spec(**BASE | {"lr": 0.0}), "Spec.lr = 0.0: a learning rate must be a finite number above 0"),
    (lambda: Spec(**BASE | {"lr": float("nan")}), "Spec.lr = nan: a learning rate must be a finite number above 0"),
    (lambda: Spec(**BASE | {"lr": float("inf")}), "Spec.lr = inf: a learning rate must be a finite number above 0"),
    (lambda: Spec(**BASE | {"gruops": 3}), "unknown field of Spec 'gruops'; did you mean groups?"),
    (lambda: Spec(**BASE | {"problem": "x"}), "Spec.problem = 'x'"),
    (lambda: Spec(problem=PROBLEM, method=Method(SignDescent), lr=0.1), "Spec needs steps; give Spec(steps=...)"),
    (lambda: Spec(**BASE | {"steps": -1}), "Spec.steps = -1: Input should be greater than or equal to 0"),
    (lambda: Spec(**BASE | {"steps": 2.0}), "Spec.steps = 2.0"),
    (lambda: Spec(**BASE | {"groups": 0}), "Spec.groups = 0"),
    (lambda: Spec(**BASE | {"weighting": "inverted"}), "Spec.weighting = 'inverted'"),
    (lambda: Spec(**BASE | {"method": SignDescent}), "Input should be an instance of Method"),
    (lambda: HeavyTailedLabels(m=0), "HeavyTailedLabels.m = 0"),
    (lambda: HeavyTailedLabels(m=3, mean=1.0), "for inputs='gaussian'"),
    (lambda: PROBLEM.changed(biass=1), "unknown field of SoftmaxRegression 'biass'; did you mean bias?"),
    (lambda: PROBLEM.changed(bias="zz"), "SoftmaxRegression.bias = 'zz'"),
    (lambda: PROBLEM.changed(data=3), "SoftmaxRegression.data = 3"),
    (lambda: Grid(exponents=()), "Grid.exponents = ()"),
    (lambda: Grid(exponents=(float("nan"),)), "Grid.exponents = (nan,): a learning rate 10^nan is not a finite number"),
    (lambda: decades(400, 401), "Grid.exponents = (400.0, 401.0): a learning rate 10^400.0 is not a finite number"),
    (lambda: untuned(0.0), "untuned(0.0): a learning rate must be a finite number above 0"),
    (lambda: untuned(float("nan")), "untuned(nan): a learning rate must be a finite number above 0"),
    (lambda: Sweep(problem=PROBLEM, optimizers={}, steps=1), "give at least one optimizer"),
    (lambda: Sweep(problem=PROBLEM, optimizers={Method(Adam): (0.1,)}, steps=1), "Sweep.optimizers.Method(Adam)"),
    (lambda: Sweep(problem=PROBLEM, optimizers={Method(Adam): untuned()}, steps=0), "Sweep.steps = 0"),
    (lambda: Sweep(problem=PROBLEM, optimizers={Method(Adam): untuned()}, steps=1, seeds=()), "Sweep.seeds = ()"),
    (lambda: Sweep(problem=PROBLEM, optimizers={Method(Adam): untuned()}, steps=1, seeds=(1, 1)), "a seed occurs twice"),
    (
        lambda: Sweep(problem=PROBLEM, optimizers={Method(Adam, "A"): untuned(), Method(SignDescent, "A"): untuned()}, steps=1),
        "each its own label",
    ),
    (lambda: Method(SignDescent, momentom=0.9), "unknown option of SignDescent 'momentom'; did you mean momentum?"),
    (lambda: Method(SignDescent, lr=0.9), "unknown option of SignDescent 'lr' (known: momentum, order)"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "text"), REFUSED, ids=[text for _, text in REFUSED])
def test_a_refused_value_is_one_line_that_names_field_value_and_reason(make: Any, text: str) -> None:
    with pytest.raises(UsageError) as refused:
        make()
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "pydantic" not in str(refused.value)


def test_components_are_frozen() -> None:
    with pytest.raises(Exception, match="frozen"):
        PROBLEM.bias = False


def test_an_edit_of_a_class_in_a_script_is_a_new_run(tmp_path: Path) -> None:
    script = """
from steepest.component import Component, identity

class Mine(Component):
    size: int = SIZE

print(identity(Mine(size=3)), Mine(size=3).description()["kind"])
"""
    outputs = []
    for size in (1, 1, 2):
        path = tmp_path / "script.py"
        path.write_text(script.replace("SIZE", str(size)), encoding="utf-8")
        outputs.append(subprocess.run([sys.executable, path], check=True, capture_output=True, text=True).stdout)
    assert outputs[0] == outputs[1] != outputs[2]
    assert outputs[0].split()[1] == "Mine"


KINDS = Path(__file__).parent / "golden" / "kinds.json"
SOURCE = Path(__file__).parents[1] / "src"


def declared_kinds() -> dict[str, int]:
    """Return every permanent name in the source with its version, read from the syntax trees."""
    found: dict[str, int] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.decorator_list:  # dataclasses have kinds of other things
                fields = {ast.unparse(n.target if isinstance(n, ast.AnnAssign) else n.targets[0]): n.value for n in node.body
                          if isinstance(n, ast.Assign | ast.AnnAssign) and isinstance(n.value, ast.Constant)}  # fmt: skip
                if "kind" in fields and isinstance(fields["kind"].value, str) and fields["kind"].value:
                    found[fields["kind"].value] = fields["version"].value if "version" in fields else 1
            elif (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "declared"
                and isinstance(node.args[0], ast.Constant)
            ):
                versions = [k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)]
                found[node.args[0].value] = versions[0] if versions else 1
    return found


def test_permanent_names_and_their_versions_are_the_golden_ones() -> None:
    golden, found = json.loads(KINDS.read_text(encoding="utf-8")), declared_kinds()
    assert golden.keys() <= found.keys(), "a permanent name has gone, and with it every run under that name"
    assert found == golden, f"a new name, or a version that was bumped, goes into {KINDS.name}: {json.dumps(found)}"


def test_moving_a_file_changes_no_identity(tmp_path: Path) -> None:
    """In a copy of the package whose files have other names, and whose data lie in another folder."""
    copy = tmp_path / "src" / "steepest"
    shutil.copytree(SOURCE / "steepest", copy, ignore=shutil.ignore_patterns("__pycache__"))
    moves = {
        "data.synthetic": "problems.noise",
        "optim.adam": "optim.moments",
        "problems.softmax_regression": "problems.linear",
    }
    for old, new in moves.items():
        (copy / f"{old.replace('.', '/')}.py").rename(copy / f"{new.replace('.', '/')}.py")
    for path in copy.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for old, new in moves.items():
            text = text.replace(f"steepest.{old} ", f"steepest.{new} ")
        path.write_text(text, encoding="utf-8")
    code = (
        "from steepest.problems.noise import HeavyTailedLabels; from steepest.problems.linear import SoftmaxRegression; "
        "from steepest.optim import Adam; from steepest.runs.method import Method; from steepest.runs.spec import Spec; "
        "problem = SoftmaxRegression(data=HeavyTailedLabels(m=3)); "
        "print(Adam.__module__, Spec(problem=problem, method=Method(Adam), lr=0.1, steps=5).id)"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["steepest.optim.moments", Spec(**BASE | {"method": Method(Adam)}).id]
