"""Works out a rewritten condition with simpleeval, of which only what is needed here is left."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from simpleeval import EvalWithCompoundTypes, InvalidExpression  # type: ignore[import-untyped]

from reconciler.conditions.functions import FUNCTIONS, OPERATORS, kind, listed, truth
from reconciler.conditions.rewrite import OVER_ITEMS, rewritten
from reconciler.conditions.tokens import ConditionError
from reconciler.model.duration import seconds

MOST_STEPS = 50_000
"""Parts that are worked out, so that a condition over a long list ends soon (well under a second)."""
ITEMS_A_STEP = 16

_NODES = (
    ast.Expr, ast.Name, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Subscript,
    ast.Constant, ast.List, ast.ListComp,
)  # fmt: skip
_OWN = {"listed": listed, "isTrue": truth}
_KNOWN = frozenset(FUNCTIONS) | frozenset(OVER_ITEMS)
_TIMES = frozenset({"now", "duration"})


@lru_cache(maxsize=256)
def parsed(text: str) -> ast.stmt:
    """Raises `ConditionError`."""
    return _parsed(text, frozenset({"result"}), _KNOWN)


def value_of(text: str, result: Any) -> Any:
    """What `text` comes to. Raises `ConditionError`."""
    return _worked_out(parsed(text), {"result": result}, FUNCTIONS)


def time_of(text: str, now: float) -> float:
    """In seconds since the epoch. Raises `ConditionError`."""
    functions = {"now": lambda: now, "duration": seconds}
    found = _worked_out(_parsed(text, frozenset(), _TIMES), {}, functions)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ConditionError("it doesn't come to a time")
    return float(found)


def _parsed(text: str, names: frozenset[str], functions: frozenset[str]) -> ast.stmt:
    python = rewritten(text, names, functions)
    try:
        return ast.parse(python).body[0]
    except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError):
        raise ConditionError("an operator or a value is missing or out of place") from None


def _worked_out(tree: ast.stmt, names: dict[str, Any], functions: dict[str, Any]) -> Any:
    try:
        return _Evaluator(names, functions).eval("", previously_parsed=tree)
    except ConditionError:
        raise
    except (InvalidExpression, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise ConditionError(_reason(error)) from None


def _reason(error: Exception) -> str:
    """Python's own words for a wrong call name functions of ours."""
    if isinstance(error, TypeError) and "argument" in str(error):
        return "a function has too few or too many arguments"
    return str(error) or type(error).__name__


class _Evaluator(EvalWithCompoundTypes):  # type: ignore[misc]
    """Without attributes, strings made of values, dictionaries; each step is counted."""

    def __init__(self, names: dict[str, Any], functions: dict[str, Any]) -> None:
        super().__init__(operators=OPERATORS, functions={}, names=names)
        self.functions = functions | _OWN
        self.nodes: dict[type, Callable[..., Any]] = {
            node: handler for node, handler in self.nodes.items() if node in _NODES
        }
        self.nodes |= {ast.Subscript: self._index, ast.BoolOp: self._logic, ast.Compare: self._one_comparison}
        self.nodes[ast.Call] = self._call
        self._steps = 0

    def _eval(self, node: ast.AST) -> Any:
        self._spend(1)
        return super()._eval(node)

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MOST_STEPS:
            raise ConditionError(f"it takes more than {MOST_STEPS} steps; the value is too long for it")

    def _call(self, node: ast.Call) -> Any:
        """Only functions of ours have got this far. One that goes over many items takes many steps."""
        given = [self._eval(argument) for argument in node.args]
        self._spend(sum(len(g) for g in given if isinstance(g, str | list | dict)) // ITEMS_A_STEP)
        return self.functions[node.func.id](*given)  # type: ignore[attr-defined]

    def _check_disallowed_items(self, item: Any) -> None:
        """Values are JSON data, which holds nothing to be afraid of; walking through it takes time."""

    def _logic(self, node: ast.BoolOp) -> bool:
        wanted = isinstance(node.op, ast.Or)
        return any(truth(self._eval(v)) == wanted for v in node.values) == wanted

    def _one_comparison(self, node: ast.Compare) -> Any:
        if len(node.ops) > 1:
            raise ConditionError("two comparisons in a row; put one of them in brackets")
        return self._eval_compare(node)

    def _index(self, node: ast.Subscript) -> Any:
        container, key = self._eval(node.value), node.slice
        if isinstance(key, ast.Tuple):
            return None if container is None else _item(container, self._eval(key.elts[1]))
        return _item(container, self._eval(key))


def _item(container: Any, key: Any) -> Any:
    """A missing field is nil, as in Go's maps; a missing place in a list is an error."""
    if isinstance(container, dict) and isinstance(key, str):
        return container.get(key)
    if isinstance(container, list) and isinstance(key, int) and not isinstance(key, bool):
        if -len(container) <= key < len(container):
            return container[key]
        raise ValueError(f"there is no [{key}]: the list has {len(container)}")
    wanted = f'no field "{key}"' if isinstance(key, str) else "no places to count"
    raise TypeError(f"{kind(container)} has {wanted}")
