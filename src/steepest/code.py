"""A digest of user code and of all user code that it uses.

A thing is described by what it is in itself and by the things that it consists of: a function by its instructions, its
defaults, what it closes over and the globals that it reads; a class by its bases and its body; an object by what would
rebuild it (`__reduce_ex__`, as for a copy; nothing is pickled). The walk ends at what is versioned elsewhere: this package,
the standard library, installed distributions (`steepest.owner`).

No source is read, so cells, scripts, files and standard input are alike, and comments, docstrings and line numbers are
not seen. Names of modules and addresses are left out: the same code elsewhere has the same digest.
"""

from __future__ import annotations

import builtins
import copyreg
import dis
import functools
import sys
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec, resolve_name
from itertools import takewhile
from typing import Any, NamedTuple

from steepest.errors import SteepestError, UsageError
from steepest.owner import OURS, known_as, owner_at, owner_named, owner_of, stands

MODULE_NAMES = {  # places, and what Python keeps beside the names of a module
    "__name__", "__file__", "__doc__", "__spec__", "__loader__", "__package__", "__path__", "__cached__", "__builtins__",
    "__annotations__", "__conditional_annotations__",
}  # fmt: skip
CLASS_NAMES = {  # places, documentation, and what Python, abc and pydantic derive from the rest
    "__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__firstlineno__", "__static_attributes__",
    "__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__abstractmethods__", "_abc_impl",
    "__signature__", "__slotnames__", "__class_vars__",
}  # fmt: skip
DERIVED = {  # caches, and what pydantic makes from fields
    "weakref.WeakKeyDictionary", "_weakrefset.WeakSet",
    "pydantic_core._pydantic_core.SchemaValidator", "pydantic_core._pydantic_core.SchemaSerializer",
    "pydantic._internal._validate_call.ValidateCallWrapper",
}  # fmt: skip
ANY_NAME = {"globals", "eval", "exec"}  # builtins by which a function may read any name of its module
LOOKUPS = {"import_module", "__import__", "modules", "__globals__"}  # by which it may read any name of any module
HOOK = ("torch", "Optimizer.profile_hook_step.<locals>.wrapper")  # what torch makes of step()
TOKEN = ("cache_token", "python")  # of functools.singledispatch: it counts the classes registered anywhere
HOOKED = ("hooked", True)  # its mark, which functools.wraps copies
UNORDERED = ("['set'", "['frozenset'")
PARAMETERS = 0x4 | 0x8 | 0x20 | 0x80 | 0x100 | 0x200  # *args, **kwargs, generator, kinds of async

Parts = tuple[str, list[tuple[str, Any]]]
"""What a thing is in itself, and the named things that it consists of."""


class _UnreadableError(Exception):
    """Nobody can tell whether a thing changed."""


def digest(thing: Any, name: str = "") -> str:
    """Return a digest of a thing of the user's and of everything of the user's that it uses, as 20 hex digits.

    It is the same in every process, and for things that differ in comments, docstrings or places only.

    Args:
        thing: a class, a function, a value.
        name: the name used in error messages.

    Raises:
        UsageError: something that is used can neither be read nor rebuilt, so nobody can tell whether it changed.
    """
    labels, edges = _graph(thing, name or _name(thing))
    colours = [_sha(label) for label in labels]
    while True:  # colour refinement: repeat until no more things are told apart; cycles need no starting point
        refined = [
            _sha(own + "".join(sorted(kids) if label.startswith(UNORDERED) else kids))
            for label, own, kids in zip(labels, colours, ([colours[i] for i in row] for row in edges), strict=True)
        ]
        if len(set(refined)) == len(set(colours)):
            return _sha(refined[0] + "".join(sorted(set(refined))))[:20]
        colours = refined


def _graph(root: Any, called: str) -> tuple[list[str], list[list[int]]]:
    """Return what each thing is in itself, the root first, and the numbers of the things that it consists of."""
    things, numbers, found_in = [root], {id(root): 0}, [(0, called)]
    labels, edges = [], []
    for number, thing in enumerate(things):  # the list grows and keeps everything alive, so no id() is reused
        try:
            head, parts = _parts(thing)
        except _UnreadableError as error:
            raise UsageError(_refusal(found_in, number, str(error))) from None
        texts, row = [head], []
        for name, part in parts:
            text = _plain(part)
            texts.append(f"{name}={text}")
            if text is None:
                if id(part) not in numbers:
                    numbers[id(part)] = len(things)
                    things.append(part)
                    found_in.append((number, name))
                row.append(numbers[id(part)])
        labels.append(repr(texts))
        edges.append(row)
    return labels, edges


def _refusal(found_in: list[tuple[int, str]], number: int, why: str) -> str:
    names = []
    while number:
        number, name = found_in[number]
        names.append(name)
    where = " → ".join([found_in[0][1], *reversed(names)])
    return (
        f"{where}: {why}, so nobody can tell whether it changed; make it inside the function that uses it (setup() of a "
        "problem), give it as a field, or let __reduce__ of its class say what it consists of"
    ).replace("\n", " ")


def _sha(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _name(thing: Any) -> str:
    return str(getattr(thing, "__qualname__", type(thing).__qualname__))


def _plain(value: Any) -> str | None:
    """Return the exact text of a plain value, None for anything else."""
    kind = type(value)
    if kind is float:
        return f"float {value.hex()}"
    if kind is complex:
        return f"complex {value.real.hex()} {value.imag.hex()}"
    if value is None or value is ... or value is NotImplemented or kind in (bool, int):
        return repr(value)
    if kind is str or kind is bytes:
        return repr(value) if len(value) < 80 else f"{kind.__name__} {_sha(repr(value))}"
    return None


def _parts(thing: Any) -> Parts:
    kind = type(thing)
    if kind in CONTAINERS:
        return CONTAINERS[kind](thing)
    for kinds, read in READERS:
        if issubclass(kind, kinds):
            return read(thing)
    try:
        return _object(thing)
    except SteepestError:
        raise
    except Exception as error:  # noqa: BLE001 - what a class of the user's does to be copied may raise anything
        why = "" if str(error).startswith("cannot pickle") else f" ({error})"
        raise _UnreadableError(f"a {kind.__module__}.{kind.__qualname__} cannot be read{why}") from None


# Plain containers


def _sequence(thing: Any) -> Parts:
    return type(thing).__name__, [(f"[{i}]", part) for i, part in enumerate(thing)]


def _set(thing: Any) -> Parts:
    plain = sorted(text for part in thing if (text := _plain(part)) is not None)
    return type(thing).__name__, [("plain", repr(plain)), *(("", part) for part in thing if _plain(part) is None)]


def _mapping(thing: Any) -> Parts:
    parts: list[tuple[str, Any]] = []
    for key, value in thing.items():
        text = _plain(key)
        parts += [("key", key), ("value", value)] if text is None else [(f"[{text}]", value)]
    return "mapping", parts


# Modules, functions and classes


def _module(thing: types.ModuleType) -> Parts:
    owner = owner_named(thing.__name__)
    return (f"library {owner} {thing.__name__}", []) if owner else ("module", _names(vars(thing)))


def _names(scope: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, scope[name]) for name in sorted(scope) if name not in MODULE_NAMES]


def _function(thing: types.FunctionType) -> Parts:
    thing = _unhooked(thing)
    code, scope, owner = thing.__code__, thing.__globals__, owner_of(thing)
    if owner and "<locals>" not in code.co_qualname:
        return known_as(owner, f"{scope['__name__']}.{code.co_qualname}", thing), []
    read = _read(code)
    parts = [("defaults", thing.__defaults__), ("defaults by name", thing.__kwdefaults__)]
    for name, cell in zip(code.co_freevars, thing.__closure__ or (), strict=True):
        if name != "__classdict__" and (name, owner) != TOKEN:  # the body of a class is read there
            parts.append((name, _content(cell)))
        if owner and isinstance(parts[-1][1], types.FunctionType):  # libraries may read them
            parts.append((f"annotations of {name}", _annotations(parts[-1][1])))
    if owner:
        return f"library {owner} {read.text}", parts
    parts += [(f".{name}", part) for name, part in sorted(vars(thing).items()) if (name, part) != HOOKED]
    return f"function {read.text}", [*_globals(read, scope), *parts]


def _annotations(thing: Any) -> Any:
    """Return the annotations, or since Python 3.14 the function that gives them."""
    return getattr(thing, "__annotate__", None) or thing.__annotations__


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "not set yet"


def _globals(read: _Read, scope: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the globals that a function reads; of the user's modules and of ours, only the names read from them."""
    if read.lookups:
        raise _UnreadableError(f"what it finds by {min(read.lookups)} only running tells (write an import)")
    inbuilt = scope.get("__builtins__", builtins)
    inbuilt = vars(inbuilt) if isinstance(inbuilt, types.ModuleType) else inbuilt
    for first, *rest in sorted(read.names):
        if first in scope:
            yield _followed(first, scope[first], rest)
        else:
            yield (f"builtin {first}" if first in inbuilt else f"missing {first}"), None
            if first in ANY_NAME:
                yield from _names(scope)
    for level, module, names in sorted(read.imports):
        yield from _imported("." * level + module, names, scope)


def _followed(name: str, value: Any, rest: list[str]) -> tuple[str, Any]:
    for part in rest:
        if not (isinstance(value, types.ModuleType) and owner_named(value.__name__) in ("", OURS)):
            break
        name = f"{name}.{part}"
        if not hasattr(value, part):
            return f"missing {name}", None
        value = getattr(value, part)
    return name, value


def _imported(module: str, names: tuple[str, ...], scope: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what an import inside of a function gives; libraries are not imported for that."""
    try:
        full = resolve_name(module, scope.get("__package__") or str(scope.get("__name__")).rpartition(".")[0])
        top = full.partition(".")[0]
        spec = None if top in sys.modules else find_spec(top)
        owner = owner_at(full, spec.origin) if spec else owner_named(full)
        if owner not in ("", OURS):
            yield f"import {owner} {full}", None
            return
        found = import_module(full)
        for name in names:
            if name != "*" and not hasattr(found, name):
                import_module(f"{full}.{name}")
    except ImportError:
        yield f"missing {module}", None
        return
    except Exception as error:  # noqa: BLE001 - the user's module may raise anything
        raise _UnreadableError(f"importing {module} raises {type(error).__name__}: {error}") from None
    if not names or "*" in names:
        yield from [(top, sys.modules[top]), (full, found)]
    yield from ((f"{full}.{name}", getattr(found, name)) for name in names if name != "*")


def _class(thing: type) -> Parts:
    owner, body = owner_of(thing), vars(thing)
    if owner:
        return known_as(owner, f"{thing.__module__}.{thing.__qualname__}", thing), []
    parts = [("metaclass", type(thing)), *(("base", base) for base in thing.__bases__)]
    if "__pydantic_fields__" in body:
        parts += _fields(thing)
    else:
        parts.append(("annotations", _annotations(thing)))
    names = [name for name in sorted(body) if name not in CLASS_NAMES and not name.startswith("__pydantic_")]
    return f"class {thing.__name__}", [*parts, *((name, body[name]) for name in names if name != "step"), *_step(thing)]


def _step(thing: type) -> Iterator[tuple[str, Any]]:
    """Yield `step` as written, unless it is inherited; torch wraps it when the first optimizer of a class is made."""
    found: list[Any] = [vars(kind)["step"] for kind in thing.__mro__ if "step" in vars(kind)]
    plain = [_unhooked(step) for step in found]
    if "step" in vars(thing) and (plain[0] is found[0] or plain[0] not in plain[1:2]):
        yield "step", plain[0]


def _unhooked(function: Any) -> Any:
    """Return what torch wrapped for its hooks; a function of the user's that copied the mark of its wrapper stays."""
    if isinstance(function, types.FunctionType) and (owner_of(function), function.__code__.co_qualname) == HOOK:
        return _unhooked(vars(function)["__wrapped__"])
    return function


def _fields(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields and validators that a class of pydantic's adds to those of its bases."""
    own = vars(thing).get("__annotations__", thing.__pydantic_fields__)
    for name, field in thing.__pydantic_fields__.items():
        if name in own:
            stated = {slot for slot in type(field).__slots__ if slot[0] != "_"} - {"title", "description", "examples"}
            yield f"field {name}", {slot: getattr(field, slot) for slot in sorted(stated)}
    found = thing.__pydantic_decorators__
    for group in type(found).__dataclass_fields__:
        for name, decorator in getattr(found, group).items():
            if name in vars(thing):
                yield f"{group} {name}", decorator.info


def _builtin(thing: types.BuiltinFunctionType) -> Parts:
    """Return the name of a function written in C, and the object or class that it belongs to."""
    if thing.__module__ is not None:
        owner = owner_named(thing.__module__)
        if not owner:
            raise _UnreadableError(f"{thing.__module__}.{thing.__qualname__} is compiled")
        return f"library {owner} {thing.__module__}.{thing.__qualname__}", []
    return f"builtin {thing.__name__}", [("self", thing.__self__)]


# Objects


def _of(*attributes: str) -> Callable[[Any], Parts]:
    """Return a function that reads these attributes of a thing."""
    return lambda thing: ("parts", [("class", type(thing)), *((name, getattr(thing, name)) for name in attributes)])


def _object(thing: Any) -> Parts:
    """Return what would rebuild an object, and of one of the user's all that it holds unless its `__reduce__` says.

    What a cached property has kept is left out.
    """
    kind: Any = type(thing)
    named = {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}
    compiler = kind.__module__.startswith("torch._dynamo.") and "torch.nn.modules.module.Module" not in named
    if compiler or named & DERIVED:
        return f"library {kind.__qualname__}", []
    if "torch.Tensor" in named:
        return _tensor(thing)
    if hasattr(kind, "__pydantic_fields__"):
        return _model(thing)
    if kind.__module__ == "ctypes":
        raise TypeError("it holds an address")
    made: Any = copyreg.dispatch_table[kind](thing) if kind in copyreg.dispatch_table else thing.__reduce_ex__(4)
    if isinstance(made, str):
        module = getattr(thing, "__module__", None)
        if not any(stands(thing, at, made) for at in ([module] if module else list(sys.modules))):
            raise TypeError(f"no module has it under its name {made}")
        return f"object {made}", [("class", kind)]
    function, arguments, state, items, pairs = [*made, None, None, None][:5]
    if isinstance(state, dict):
        state = _uncached(kind, state)
    parts = [("class", kind), ("rebuilt by", function), ("from", arguments), ("state", state or None)]
    if not any(owner_of(base) == "" and {"__reduce__", "__reduce_ex__"} & vars(base).keys() for base in kind.__mro__):
        parts += _held(thing)
    return "object", [*parts, ("items", list(items or ())), ("pairs", list(pairs or ()))]


def _held(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield what `__getstate__` of a class may leave out, and which params of a module are one."""
    kind = type(thing)
    if not owner_of(kind):
        held: Any = object.__getstate__(thing)
        yield "holds", (_uncached(kind, held) or None) if isinstance(held, dict) else held
    torch: Any = sys.modules.get("torch")
    if torch and isinstance(thing, torch.nn.Module):
        names: dict[int, list[str]] = {}
        for name, param in torch.nn.Module.named_parameters(thing, remove_duplicate=False):
            names.setdefault(id(param), []).append(name)
        yield "tied", [tied for tied in names.values() if len(tied) > 1]


def _model(thing: Any) -> Parts:
    """Return class and fields of a component, or of another object of pydantic's, and its data outside of them."""
    added = getattr(type(thing), "added", {})
    fields = {name: getattr(thing, name) for name in type(thing).__pydantic_fields__}
    parts = [(name, value) for name, value in fields.items() if name not in added or value != added[name]]
    data = thing.fingerprint() if callable(getattr(type(thing), "fingerprint", None)) else None
    return "model", [("class", type(thing)), ("data", data), ("private", private(thing)), *parts]


def private(thing: Any) -> dict[str, Any] | None:
    """Return what an object of pydantic's has beside its fields, or None; what a cached property has kept is left out."""
    beside = {name: part for name, part in vars(thing).items() if name not in type(thing).__pydantic_fields__}
    return _uncached(type(thing), beside) | (getattr(thing, "__pydantic_private__", None) or {}) or None


def _uncached(kind: type, state: dict[str, Any]) -> dict[str, Any]:
    return {n: part for n, part in state.items() if not isinstance(getattr(kind, str(n), None), cached_property)}


def _tensor(thing: Any) -> Parts:
    torch: Any = sys.modules["torch"]
    dense = (thing.detach().dequantize() if thing.is_quantized else thing.detach()).cpu().to_dense()
    data = dense.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    shape = f"{thing.dtype} {tuple(thing.shape)} {thing.layout} {thing.requires_grad}"
    return f"tensor {shape} {sha256(data).hexdigest()}", [("class", type(thing)), *sorted(vars(thing).items())]


# Instructions


class _Read(NamedTuple):
    """A digest of the instructions and constants of a function, the names that it reads, what it imports and looks up."""

    text: str
    names: set[tuple[str, ...]]
    imports: set[tuple[int, str, tuple[str, ...]]]
    lookups: set[str]


@lru_cache(maxsize=4096)
def _read(code: types.CodeType) -> _Read:
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("EXTENDED_ARG", "NOP")]
    inner = [_read(step.argval) for step in steps if isinstance(step.argval, types.CodeType)]
    names = {name for one in inner for name in one.names}
    imports = {name for one in inner for name in one.imports}
    lookups = {name for one in inner for name in one.lookups}
    for i, step in enumerate(steps):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") and step.argval not in MODULE_NAMES:
            attributes = takewhile(lambda after: after.opname in ("LOAD_ATTR", "LOAD_METHOD"), steps[i + 1 : i + 9])
            names.add((step.argval, *(after.argval for after in attributes)))
        elif step.opname == "IMPORT_NAME":
            imports.add((steps[i - 2].argval, step.argval, steps[i - 1].argval or ()))
            lookups |= {"modules"} & set((steps[i - 1].argval or ()) if step.argval == "sys" else ())
        if step.opname.startswith("LOAD_") and step.opcode not in dis.hasconst and step.argval in LOOKUPS:
            _look_up(steps, i, names, imports, lookups)
    hidden = {i for i, step in enumerate(steps) if step.opname == "STORE_NAME" and step.argval in CLASS_NAMES}
    shown = [_told(step) for i, step in enumerate(steps) if not {i, i + 1} & hidden]
    flags = code.co_flags & PARAMETERS
    count = code.co_argcount + code.co_kwonlyargcount + (flags & 0x4 > 0) + (flags & 0x8 > 0)
    takes = code.co_argcount, code.co_posonlyargcount, flags, code.co_varnames[:count]
    return _Read(_sha(repr((takes, shown, code.co_exceptiontable))), names, imports, lookups)


def _look_up(steps: list[dis.Instruction], i: int, names: set[Any], imports: set[Any], lookups: set[str]) -> None:
    """Add what a function finds by `import_module("name")` and the like; what only running tells is a lookup."""
    following = [step for step in steps[i + 1 : i + 4] if step.opname != "PUSH_NULL"]
    by, after, then = steps[i].argval, *[*following, steps[-1]][:2]
    if by == "modules" and steps[i - 1].argval != "sys":
        return
    named = isinstance(after.argval, str) and by != "__globals__" and not then.opname.startswith("LOAD_")
    if named and after.opcode in dis.hasconst and not after.argval.startswith("."):
        imports.add((0, after.argval, ()))
    elif named and after.argval == "__name__":
        names.add(("globals",))
    else:
        lookups.add(by)


def _told(step: dis.Instruction) -> tuple[str, Any]:
    if step.opcode in dis.hasconst:
        return step.opname, _constant(step.argval)
    return step.opname, step.argval if isinstance(step.argval, str) else step.arg


def _constant(value: Any) -> str:
    if isinstance(value, types.CodeType):
        return _read(value).text
    if isinstance(value, tuple | frozenset):
        texts = [_constant(part) for part in value]
        return f"{type(value).__name__} {texts if isinstance(value, tuple) else sorted(texts)}"
    return _plain(value) or repr(value)


# What is read how

CONTAINERS: dict[type, Callable[[Any], Parts]] = {
    tuple: _sequence,
    list: _sequence,
    set: _set,
    frozenset: _set,
    dict: _mapping,
    weakref.WeakValueDictionary: _mapping,
    types.MappingProxyType: _mapping,
}
READERS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Parts]], ...] = (
    (types.FunctionType, _function),
    (type, _class),
    (types.ModuleType, _module),
    (types.BuiltinFunctionType, _builtin),
    (types.CodeType, lambda thing: (f"code {_read(thing).text}", [])),
    (types.MethodType, _of("__func__", "__self__")),
    (weakref.ReferenceType, lambda thing: ("reference", [("to", thing())])),
    ((staticmethod, classmethod), _of("__func__")),
    (property, _of("fget", "fset", "fdel")),
    (cached_property, _of("func")),
    (functools._lru_cache_wrapper, _of("__wrapped__")),
    (types.MethodWrapperType, _of("__name__", "__self__")),
    ((types.WrapperDescriptorType, types.MethodDescriptorType), _of("__name__", "__objclass__")),
    ((types.ClassMethodDescriptorType, types.GetSetDescriptorType), _of("__name__", "__objclass__")),
    (types.MemberDescriptorType, _of("__name__", "__objclass__")),
)
