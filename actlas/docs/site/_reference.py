"""A page of reference for every public package, in the terms of Sphinx's autodoc."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import actlas

_FLOORS_OF_TOOLS = ("bench", "cli", "docs", "kernels")  # what they hold is used from a shell

_LONGEST = 120  # letters of a value that is shown


def reference_pages() -> Iterator[tuple[str, str]]:
    """Yield (name, reStructuredText) of the index and of every public package.

    A package is public if no part of its name begins with an underscore and it says in `__all__`
    what it holds; actlas.nn and actlas.functional hold the catalogue, and say so. What several
    packages offer is described on the page of the first, and the others lead there.
    """
    modules = public_modules()
    yield "index", _index(modules)
    described: dict[int | str, str] = {}
    for name, module in modules.items():
        yield name, _page(name, module, described)


def public_modules() -> dict[str, ModuleType]:
    """Return the public packages by the name under which they are imported.

    >>> {"actlas", "actlas.nn", "actlas.init"} <= set(public_modules())
    True
    """
    found = {"actlas": actlas, "actlas.nn": actlas.nn, "actlas.functional": actlas.functional}
    for module in pkgutil.walk_packages(actlas.__path__, "actlas."):
        parts = module.name.split(".")[1:]
        hidden = parts[0] in _FLOORS_OF_TOOLS or any(part.startswith("_") for part in parts)
        if module.ispkg and not hidden:
            loaded = importlib.import_module(module.name)
            if hasattr(loaded, "__all__"):
                found[module.name] = loaded
    return dict(sorted(found.items()))


def _index(modules: dict[str, ModuleType]) -> str:
    rows = "".join(f"   * - :doc:`{n} <{n}>`\n     - {_sentence(m)}\n" for n, m in modules.items())
    return (
        f"{_title('API reference')}\n"
        "Every public name, from its docstring. The functions of the catalogue have cards of their "
        "own: :doc:`/functions/index`.\n\n"
        f".. list-table::\n   :header-rows: 1\n   :widths: 30 70\n\n"
        f"   * - package\n     - what it is\n{rows}\n"
        f".. toctree::\n   :hidden:\n\n{''.join(f'   {name}{chr(10)}' for name in modules)}"
    )


def _sentence(module: ModuleType) -> str:
    """Return the first sentence of a module, without the number of its floor."""
    text = " ".join((inspect.getdoc(module) or "").partition("\n\n")[0].split())
    said = text.partition(": ")[2] if text.startswith("Floor ") else text
    said = said.removeprefix("actlas: ")
    return said[:1].upper() + said[1:]


def _page(name: str, module: ModuleType, described: dict[int | str, str]) -> str:
    own = [key for key, value in vars(module).items() if _is_own(key, value, module)]
    parts = [_title(name), _sentence(module), f".. currentmodule:: {name}"]
    if not hasattr(module, "__all__"):
        parts.append("There is one for every function of :doc:`/functions/index`.")
    elsewhere = []
    for key in getattr(module, "__all__", own):
        value = getattr(module, key)
        same = id(value) if callable(value) else key  # equal numbers may be one object
        home = described.setdefault(same, f"{name}.{key}")
        if home == f"{name}.{key}":
            parts.append(_object(module, key))
        else:
            elsewhere.append(f":py:obj:`{key} <{home}>`")
    if elsewhere:
        parts.append(f"Also here: {', '.join(elsewhere)}.")
    return "\n\n".join(filter(None, parts)) + "\n"


def _is_own(name: str, value: object, module: ModuleType) -> bool:
    public = inspect.isfunction(value) and not name.startswith("_")
    return public and getattr(value, "__module__", "") == module.__name__


def _object(module: ModuleType, name: str) -> str:
    value = getattr(module, name)
    if inspect.ismodule(value):
        return ""
    if inspect.isclass(value):
        return f".. autoclass:: {name}\n   :members:"
    if callable(value):
        return f".. autofunction:: {name}"
    text = repr(value)
    shown = f"\n   :value: {text}" if len(text) <= _LONGEST else ""
    return f".. py:data:: {name}\n   :type: {type(value).__name__}{shown}"


def _title(text: str) -> str:
    return f"{text}\n{'=' * len(text)}"
