"""Works out a rewritten condition with simpleeval, of which only what is needed here is left."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache
from inspect import signature
from typing import Any

from simpleeval import EvalWithCompoundTypes, InvalidExpression  # type: ignore[import-untyped]

from reconciler.conditions.functions import FUNCTIONS, OF_TEXTS, OPERATORS, kind, listed, truth
from reconciler.conditions.rewrite import OVER_ITEMS, rewritten
from reconciler.conditions.tokens import ConditionError
from reconciler.model.duration import LONGEST_S, seconds

MOST_STEPS = 50_000
"""Parts that are worked out, so that a condition over a long list ends soon (well under a second)."""
ITEMS_A_STEP = 16
LATEST = LONGEST_S
"""Seconds since the epoch: the year 2262, as far as Prometheus and Go count."""

_NODES = (
    ast.Expr, ast.Name, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Subscript,
    ast.Constant, ast.List, ast.ListComp,
)  # fmt: skip
_OWN = {"listed": listed, "isTrue": truth}
_RELATIONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
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
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) < LATEST:
        raise ConditionError("it doesn't come to a time")
    return float(found)


def _parsed(text: str, names: frozenset[str], functions: frozenset[str]) -> ast.stmt:
    python = rewritten(text, names, functions)
    try:
        tree = ast.parse(python).body[0]
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError):
        raise ConditionError("an operator or a value is missing or out of place") from None
    for call in calls:
        _check_arguments(call.func.id, call.args)  # type: ignore[attr-defined]  # only names are called
    return tree


def _check_arguments(name: str, given: list[ast.expr]) -> None:
    if name in FUNCTIONS:
        try:
            signature(FUNCTIONS[name]).bind(*given)
        except TypeError:
            raise ConditionError(f"{name} has too few or too many arguments") from None


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
        self.nodes |= {ast.Subscript: self._index, ast.BoolOp: self._logic, ast.Compare: self._compared}
        self.nodes |= {ast.Call: self._call, ast.BinOp: self._calculated}
        self._steps = 0

    def _eval(self, node: ast.AST) -> Any:
        self._spend(1)
        return super()._eval(node)

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MOST_STEPS:
            raise ConditionError(f"it takes more than {MOST_STEPS} steps; the value is too long for it")

    def _spend_on(self, *values: Any) -> None:
        self._spend(sum(len(v) for v in values if isinstance(v, str | list | dict)) // ITEMS_A_STEP)

    def _call(self, node: ast.Call) -> Any:
        """Only functions of ours have got this far. One that goes over many items takes many steps."""
        given = [self._eval(argument) for argument in node.args]
        self._spend_on(*given)
        return self.functions[node.func.id](*given)  # type: ignore[attr-defined]

    def _check_disallowed_items(self, item: Any) -> None:
        """Values are JSON data, which holds nothing to be afraid of; walking through it takes time."""

    def _logic(self, node: ast.BoolOp) -> bool:
        wanted = isinstance(node.op, ast.Or)
        return any(truth(self._eval(v)) == wanted for v in node.values) == wanted

    def _calculated(self, node: ast.BinOp) -> Any:
        """`a ?? b` looks at b only where a is nil."""
        left = self._eval(node.left)
        if isinstance(node.op, ast.Pow):
            return self._eval(node.right) if left is None else left
        return OPERATORS[type(node.op)](left, self._eval(node.right))

    def _compared(self, node: ast.Compare) -> Any:
        """From left to right, as in expr: `0 < a < 1` is `0 < a && a < 1`, and `a == b == c` is
        `(a == b) == c`.
        """
        found = left = self._eval(node.left)
        chained = False
        rest = zip(node.ops, node.comparators, strict=True)
        for op, other in rest:
            if isinstance(op, _RELATIONS):
                if chained and not found:
                    continue
                left, right = left if chained else found, self._eval(other)
                found, left, chained = OPERATORS[type(op)](left, right), right, True
                continue
            chained = False
            if isinstance(op, ast.Is):  # `a is "contains" is b`
                negated, last = next(rest)
                holds = OF_TEXTS[ast.literal_eval(other)](found, self._eval(last))
                found = holds != isinstance(negated, ast.IsNot)
                continue
            right = self._eval(other)
            self._spend_on(*(side for side in (found, right) if isinstance(side, list)))
            found = OPERATORS[type(op)](found, right)
        return found

    def _index(self, node: ast.Subscript) -> Any:
        return self._member(node)[0]

    def _member(self, node: ast.Subscript) -> tuple[Any, bool]:
        """The value, and whether a `?.` of nil has ended the chain: `a?.b.c` is nil then, too."""
        self._spend(1)
        if isinstance(node.value, ast.Subscript):
            container, ended = self._member(node.value)
        else:
            container, ended = self._eval(node.value), False
        maybe = isinstance(node.slice, ast.Tuple)
        if ended or (maybe and container is None):
            return None, True
        key = node.slice.elts[1] if isinstance(node.slice, ast.Tuple) else node.slice
        return _item(container, self._eval(key)), False


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
