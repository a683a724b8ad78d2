"""Identity of the user's code: an edit of anything that is used is seen, a comment is not, wherever the code came from."""

from __future__ import annotations

import copy
import functools
import json
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from users import module

from steepest import code
from steepest.component import identity
from steepest.errors import UsageError
from steepest.problems import WeightedQuadratic
from steepest.runs.method import Method

SECOND = """{comment}
def part(x):
    {doc}
    return x * {second}{blank}
def unused(): return {unused}
"""
MAIN = """{comment}
import functools
from typing import Annotated
from pydantic import AfterValidator, field_validator
from steepest.component import Component
import user_second
CONSTANT = {constant}  {comment}
TABLE = {{"a": [{table}]}}
def logged(factor):
    {doc}
    def wrap(f):
        @functools.wraps(f)
        def call(*args):
            return f(*args), factor  {comment}
        return call
    return wrap
{blank}{first}
def helper(x, size={default}, *, keyword={keyword}):
    {doc}
    return x + {helper} + size + TABLE["a"][0]
def check(value):
    return value if value != {validator} else 0
class Base:
    {doc}
    base = {base}
    @property
    def doubled(self): return {getter}
def made(inner):
    def closed(): return inner
    return closed
closed = made({closure})
{blank}
class Mine(Component, Base):
    {doc}
    field: int = {field}
    checked: Annotated[int, AfterValidator(check)] = 2
    @field_validator("checked")
    def again(cls, value): return value if value != {method} else value
    @logged({decorator})
    def total(self):
        {doc}
        {comment}
        from user_second import part as imported
        def nested(x):
            return [helper(y) for y in x if y != {nested}]
        class Inner:
            {doc}
            y = {inner}
        return nested([CONSTANT]), closed(), user_second.part(1), imported(2), Inner
{last}
"""
USED = """second constant table default keyword helper validator base getter closure field method decorator nested
inner""".split()  # noqa: SIM905
OTHERS = ["def unused(): return {unused}", "class Unused: size = {unused}", "UNUSED = {unused}"]
plain = st.sampled_from(["0", "1", "True", "1.0", "-0.0", "0.0", "'a'", "b'a'", "(1, 2)", "frozenset({1, 2})", "None"])
fields = st.sampled_from(["0", "1", "7"])
used = st.fixed_dictionaries({name: fields if name == "field" else plain for name in USED})
noise = st.fixed_dictionaries(
    {
        "comment": st.sampled_from(["#", "# a comment", "# another, longer comment"]),
        "doc": st.sampled_from(["'a docstring'", "'''another\n    docstring'''", "pass"]),
        "blank": st.sampled_from(["\n", "\n\n\n", "\n# between\n"]),
        "unused": plain,
        "first": st.lists(st.sampled_from(OTHERS), unique=True),
        "last": st.lists(st.sampled_from(OTHERS), unique=True),
    }
)


def written(parts: dict[str, str], kept: dict[str, Any]) -> str:
    """Return the digest of the class of a pair of modules with these parts."""
    others = {place: "\n".join(kept[place]).format(**kept) for place in ("first", "last")}
    module("user_second", SECOND.format(**parts, **kept | others))
    return code.digest(module("user_main", MAIN.format(**parts, **kept | others)).Mine)


@given(used, st.sampled_from(USED), plain, noise, noise)
def test_an_edit_of_anything_used_is_seen_and_comments_docstrings_and_the_rest_are_not(
    parts: dict[str, str], edited: str, value: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    before = written(parts, first)
    assert written(parts, second) == before
    value = "9" if edited == "field" else value
    assert (written(parts | {edited: value}, second) == before) == (parts[edited] == value)


@pytest.mark.parametrize("name", USED)
def test_every_part_is_seen_by_itself(name: str) -> None:
    quiet = {"comment": "#", "doc": "pass", "blank": "\n", "unused": "0", "first": [], "last": []}
    parts = dict.fromkeys(USED, "1")
    assert len({written(parts | {name: value}, quiet) for value in ("1", "2", "3")}) == 3


SCRIPT = """
import sys
import torch
from steepest import Method, Store, Sweep, run
from steepest.problems import WeightedQuadratic
from steepest.runs.sweep import untuned
{above}

class Mine(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {{"lr": lr}})

    def step(self, closure):
        loss = closure()
        with torch.no_grad():
            for w in self.param_groups[0]["params"]:
                w -= self.param_groups[0]["lr"] * {direction}
        return loss

plan = Sweep(problem={problem}, optimizers={{Method(Mine): untuned(0.1)}}, steps=3, seeds=(0,), groups=None, refine=None)
store = Store(sys.argv[1])
for again in range(2):  # the second time, the optimizer has been used
    [found] = run(plan.changed(), store=store, jobs=int(sys.argv[2])).to_arrow().to_pylist()
print(len(list(store.all())), found["run"], found["initial_loss"], found["final_loss"])
"""
QUADRATIC = "WeightedQuadratic(num_coordinates=2)"
MINE = """
from dataclasses import replace
import second

class MyProblem(WeightedQuadratic):
    def setup(self, seed):
        task = super().setup(seed)
        return replace(task, loss=second.scaled(task.loss))
"""
SCALED = """
def scaled(loss):
    return lambda params, data: SCALE * loss(params, data)

SCALE = {}
"""


def ran(store: Path, *, stdin: str | None = None, script: Path | None = None) -> tuple[int, str, float, float]:
    command = [sys.executable, *(["-", str(store), "2"] if script is None else [str(script), str(store), "1"])]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, name, *losses = done.stdout.split()
    return int(count), name, *map(float, losses)


def test_from_standard_input_one_that_ascends_is_not_given_the_losses_of_one_that_descends(tmp_path: Path) -> None:
    scripts = (SCRIPT.format(above="", problem=QUADRATIC, direction=sign + "w.grad") for sign in "+-")
    down, up = (ran(tmp_path, stdin=script) for script in scripts)
    assert (down[0], up[0]) == (1, 2)
    assert down[1] != up[1]
    assert down[3] < down[2] == up[2] < up[3]


def test_an_edit_of_a_second_file_is_a_new_run_and_a_comment_in_it_is_not(tmp_path: Path) -> None:
    script, second = tmp_path / "script.py", tmp_path / "second.py"
    problem = "MyProblem(num_coordinates=2)"
    script.write_text(SCRIPT.format(above=MINE, problem=problem, direction="w.grad"), encoding="utf-8")
    found = []
    for scale in ("1.0", "1.0  # as printed", "3"):
        second.write_text(SCALED.format(scale), encoding="utf-8")
        found.append(ran(tmp_path / "store", script=script))
    assert found[0] == found[1]
    assert [count for count, *_ in found] == [1, 1, 2]
    assert found[2][2] == pytest.approx(3 * found[0][2])


def test_a_helper_in_another_cell_is_seen_when_the_cell_is_run_again() -> None:
    names: dict[str, Any] = {"__name__": "__main__"}

    def cell(text: str) -> None:
        exec(compile(text, "<ipython-input>", "exec"), names)  # noqa: S102

    cell("from steepest.component import Component")
    cell("def helper(): return 1")
    cell("class Mine(Component):\n    def value(self): return helper()")
    first = identity(names["Mine"]())
    cell("def helper(): return 2")
    assert identity(names["Mine"]()) != first
    cell("# as before\ndef helper(): return 1")
    assert identity(names["Mine"]()) == first


KINDS = """
import enum, functools, dataclasses, re, sys
from pathlib import Path
import numpy as np, torch
from pydantic import BaseModel, validate_call
from steepest import code
from steepest.problems import WeightedQuadratic

def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)
@dataclasses.dataclass
class Size:
    n: int = 3
    names: set = dataclasses.field(default_factory=lambda: {"b", "a"})
class Colour(enum.Enum):
    RED = "red"
class Model(BaseModel):
    x: int = 3
class Node:
    def __init__(self): self.me, self.seen = self, {"x", "y", ("z",)}
    def both(self): return super().__init__, Node
torch.manual_seed(0)
things = [
    even, odd, Size, Size(), Colour, Colour.RED, Model, Model(x=4), Node, Node(), {"a", "b", "c", even}, frozenset("abc"),
    functools.partial(even, 3), functools.lru_cache(even), torch.no_grad()(even), validate_call(even),
    torch.func.grad(even), torch.nn.LSTM(2, 2), torch.randn(3), np.arange(3), np.random.default_rng(0), Node().both, np.exp,
    re.compile("a|b"), Path("a/b"), torch.relu, torch.float32, torch.Generator(), lambda x: x in {"a", "b", "c"},
    WeightedQuadratic(num_coordinates=2), list[int], int | None, object(), torch.nn.functional.max_pool1d, functools,
    torch.nn.functional.max_pool2d, print, str.upper, "a".upper, slice(1, 2), Ellipsis, 1 + 2j,
]
print(*(code.digest(thing) for thing in things))
"""


def test_digests_are_the_same_in_every_process_and_differ_between_things(tmp_path: Path) -> None:
    (tmp_path / "kinds.py").write_text(KINDS, encoding="utf-8")
    found = [
        subprocess.run([sys.executable, *how], input=KINDS, env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
                       capture_output=True, text=True, check=True).stdout.split()
        for seed, how in (("1", ["-"]), ("2", [str(tmp_path / "kinds.py")]))
    ]  # fmt: skip
    assert found[0] == found[1]
    assert len(set(found[0])) == len(found[0]) > 40


def test_what_is_read_after_use_is_what_was_read_before() -> None:
    text = """
import functools, torch
class Own(torch.optim.SGD):
    def step(self, closure=None): return super().step(closure)
class Inherits(torch.optim.Adagrad): pass
class Kept:
    @functools.cached_property
    def much(self): return 3
@functools.singledispatch
def chosen(x): return 0
kept = Kept()
"""
    user = module("user_kept", text)
    things = [user.Own, user.Inherits, user.Kept, user.kept, user.chosen, Method(user.Own)]
    before = [code.digest(thing) for thing in things]
    for kind in (user.Own, user.Inherits, torch.optim.Adagrad):
        kind([torch.zeros(1, requires_grad=True)], lr=0.1)
    _ = copy.copy(user.kept), user.kept.much, user.chosen(1), hash(things[-1])
    assert [code.digest(thing) for thing in things] == before


def test_circles_end_and_do_not_depend_on_where_the_walk_begins() -> None:
    text = "def a(n): return n and b(n)\ndef b(n): return n and {c}(n)\ndef c(n): return n and a(n)\ndef root(n): return a(n)"
    one, other = module("user_one", text.format(c="c")), module("user_other", text.format(c="a"))
    assert code.digest(one.root) == code.digest(module("user_one", text.format(c="c")).root)
    assert len({code.digest(getattr(m, name)) for m in (one, other) for name in ("a", "b", "root")}) == 6
    one.b, b = types.FunctionType(one.b.__code__, vars(one)), one.b
    assert code.digest(one.b) == code.digest(b)  # a copy does not count as another thing


PAIRS: list[tuple[Any, Any]] = [
    (0.0, -0.0),
    (1, True),
    (1, 1.0),
    (1, "1"),
    ("a", b"a"),
    ((1, 2), [1, 2]),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({1}, frozenset({1})),
    (np.zeros(2), np.zeros(2, dtype="float32")),
    (np.zeros(2), np.zeros((2, 1))),
    (torch.zeros(2), torch.zeros(2, dtype=torch.bfloat16)),
    (torch.zeros(2), torch.nn.Parameter(torch.zeros(2))),
    (torch.zeros(2), torch.tensor([0.0, -0.0])),
    (torch.zeros(2, dtype=torch.cfloat), torch.zeros(2, dtype=torch.cfloat).conj() + 1j),
    (functools.partial(max, 1), functools.partial(max, 2)),
    ((lambda x: x in (1, 2)), (lambda x: x in {1, 2})),
    (WeightedQuadratic(num_coordinates=2), WeightedQuadratic(num_coordinates=3)),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_values_are_told_apart_exactly(one: Any, other: Any) -> None:
    assert code.digest([one]) != code.digest([other])
    assert code.digest([one]) == code.digest([copy.deepcopy(one)])


HELD = """
import numpy as np, torch, weakref
class Array(np.ndarray): pass
class Tensor(torch.Tensor): pass
class Param(torch.nn.Parameter): pass
class Plain:
    def __init__(self, value): self.value = value
class Silent(Plain):
    def __getstate__(self): return {{}}
class Slots:
    __slots__ = ("value",)
    def __getstate__(self): return {{}}
class Pair(torch.nn.Module):
    def __init__(self, tied):
        super().__init__()
        self.a = torch.nn.Parameter(torch.ones(1))
        self.b = self.a if tied else torch.nn.Parameter(torch.ones(1))
bare = [torch.ones(1), np.ones(1).view(Array), torch.ones(1).as_subclass(Tensor), Param(torch.ones(1)), Slots()]
for thing in bare: thing.value = {n}
plain = Plain({n})
things = [*bare, Silent({n})]
things += [weakref.WeakValueDictionary(x=plain), weakref.ref(plain), Pair({n} == 1), torch.nn.Sequential(Pair({n} == 1))]
"""


def test_what_hangs_on_a_value_beside_its_state_is_seen() -> None:
    users = [module("user_held", HELD.format(n=n)) for n in (1, 1, 2)]
    first, same, other = ([code.digest(thing) for thing in user.things] for user in users)
    assert first == same
    assert [one == two for one, two in zip(first, other, strict=True)] == [False] * len(first)


def test_equal_values_are_equal_whoever_else_holds_them() -> None:
    shared = [1]
    assert code.digest([shared, shared]) == code.digest([[1], [1]])
    assert code.digest([float("nan")]) == code.digest([-float("nan") * -1])
    assert code.digest({"a", "b", 1, (2,)}) == code.digest({(2,), 1, "b", "a"})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_function_is_its_function() -> None:
    texts = ("def f(x): return x", "def f(x): return x  # compiled anew", "def f(x): return -x")
    one, same, other = (code.digest(torch.compile(module("user_compiled", text).f)) for text in texts)
    assert one == same != other


def generator() -> Iterator[int]:
    yield 1


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "lock": ("return LOCK", {"LOCK": threading.Lock()}, "root → LOCK: a _thread.lock cannot be read"),
    "generator": ("return ROWS", {"ROWS": generator()}, "root → ROWS: a builtins.generator cannot be read"),
    "inside": ("return BOX", {"BOX": {"key": [threading.Lock()]}}, "root → BOX → ['key'] → [0]: a _thread.lock cannot"),
    "sparse": ("return NONE", {"NONE": torch.ones(2, device="meta")}, "root → NONE: a torch.Tensor cannot be read ("),
    "lookup": (
        "return import_module('user_' + NAME)",
        {"NAME": "x"},
        "root: what it finds by import_module only running",
    ),
    "modules": ("return sys.modules[NAME]", {"NAME": "x"}, "root: what it finds by modules only running"),
    "scope": ("return root.__globals__['NAME']", {"NAME": "x"}, "root: what it finds by __globals__ only running"),
    "import": (
        "from user_package import user_broken as b",
        {},
        "importing user_package raises ZeroDivisionError: division by zero",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line_that_says_where_it_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "user_package").mkdir(exist_ok=True)
    (tmp_path / "user_package" / "user_broken.py").write_text("1 / 0", encoding="utf-8")
    body, names, message = REFUSED[name]
    user = module("user_refused", f"def root(): {body}")
    vars(user).update(names)
    with pytest.raises(UsageError) as refused:
        code.digest(user.root)
    assert message in str(refused.value)
    assert "make it inside the function that uses it (setup() of a problem), give it as a field" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_descriptions_stay_json_whatever_the_options_are() -> None:
    def method(option: Any) -> Method:
        return Method(module("user_options", "class O:\n    def __init__(self, params, lr, x=None): pass").O, x=option)

    options = [functools.partial(max, 1), lambda x: x, [].append, WeightedQuadratic(num_coordinates=2).setup, b"a",
               np.ones(2), np.ones(3), torch.ones(2), Path("a"), {1, 2}, float("inf"), float("nan"), max]  # fmt: skip
    assert len({json.dumps(method(option).description()) for option in options}) == len(options)
    with pytest.raises(UsageError, match=r"^x: a _thread\.lock cannot be read, so nobody can tell"):
        method(threading.Lock()).description()


def test_a_wrapped_step_is_seen_whether_or_not_the_optimizer_below_has_been_used() -> None:
    text = """
import functools, torch
class Base(torch.optim.SGD):
    def step(self, closure=None): return super().step(closure)
if {used}: Base([torch.zeros(1, requires_grad=True)], lr=0.1)
@functools.wraps(Base.step)
def step(self, closure=None): return {factor} * Base.step(self)
class Scaled(Base): pass
Scaled.step = step
"""
    ways = ((False, 1), (True, 1), (True, 2), (False, 2))
    found = [code.digest(module("user_step", text.format(used=used, factor=factor)).Scaled) for used, factor in ways]
    assert found[0] == found[1] != found[2] == found[3]


def test_how_many_classes_are_registered_elsewhere_changes_no_dispatch() -> None:
    more = "class Another: pass\nSized.register(Another)\n"
    text = "import functools\nfrom collections.abc import Sized\n@functools.singledispatch\ndef f(x): return 2\n"
    text += "@f.register\ndef _(x: Sized): return {}\n"
    first = code.digest(module("user_dispatch", text.format(3)).f)
    assert code.digest(module("user_dispatch", text.format(3) + more).f) == first
    assert code.digest(module("user_dispatch", text.format(4) + more).f) != first
