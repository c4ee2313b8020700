"""From expr's way of writing to Python's, token by token, for a library that works out Python's expressions.

    a && b, a || b      a and b, a or b
    !a, not a           ~a                      binds as tightly as in expr; `~` is given that meaning
    a ?? b              a ** b                  the same
    a contains b        a is "contains" is b    a comparison, as in expr; also startsWith, endsWith
    a not contains b    a is "contains" is not b
    a.b, a?.b           a["b"], a[maybe, "b"]   so no attribute of anything is ever read
    c ? x : y           x if c else y
    all(l, {# > 1})     all([item1 > 1 for item1 in l])

Only names that are known here pass, so nothing else of Python can be written.
"""

from __future__ import annotations

from collections.abc import Collection

from reconciler.conditions.tokens import ConditionError, Token, tokens

DEEPEST = 30
"""Brackets in brackets."""

WORDS = {
    "true": "True",
    "false": "False",
    "nil": "None",
    "null": "None",
    "and": "and",
    "or": "or",
    "in": "in",
}
INFIX = {name: f'is "{name}" is' for name in ("contains", "startsWith", "endsWith")}
OPERATORS = {"&&": "and", "||": "or", "!": "~", "??": "**"} | {
    op: op for op in ("==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%")
}
OVER_ITEMS = {
    "all": "all([{test} for {item} in {items}])",
    "any": "any([{test} for {item} in {items}])",
    "none": "none([{test} for {item} in {items}])",
    "one": "one([{test} for {item} in {items}])",
    "count": "count([{test} for {item} in {items}])",
    "map": "[{test} for {item} in {items}]",
    "filter": "[{item} for {item} in {items} if isTrue({test})]",
}
"""Functions that take a test for each item: `{# > 1}`, or without the braces."""


def rewritten(text: str, names: Collection[str], functions: Collection[str]) -> str:
    """Python's text for it. Raises `ConditionError`."""
    reader = _Reader(tokens(text), names, functions)
    python = reader.whole()
    if reader.next.kind != "end":
        raise reader.misplaced()
    return python


class _Reader:
    def __init__(self, found: list[Token], names: Collection[str], functions: Collection[str]) -> None:
        self._tokens, self._names, self._functions = found, names, functions
        self._at = self._depth = self._items = 0

    @property
    def next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self.next
        self._at += 1
        return token

    def _is(self, op: str) -> bool:
        return self.next.kind == "op" and self.next.text == op

    def _expect(self, op: str) -> None:
        if not self._is(op):
            raise self.misplaced(f', "{op}" is expected')
        self._take()

    def misplaced(self, more: str = "") -> ConditionError:
        token = self.next
        if token.kind == "end":
            return ConditionError(f"it ends too early{more}")
        if token.text == "matches":
            return ConditionError(f'"{token.text}" isn\'t there: use contains, startsWith or endsWith')
        return ConditionError(f'"{token.text}" at character {token.at + 1} is out of place{more}')

    def whole(self) -> str:
        """Up to what ends it: a closing bracket, a comma, a colon."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise ConditionError(f"more than {DEEPEST} brackets stand in each other")
        python = self._flat()
        if self._is("?"):
            self._take()
            yes = self.whole()
            self._expect(":")
            python = f"(({yes}) if isTrue({python}) else ({self.whole()}))"
        self._depth -= 1
        return python

    def _flat(self) -> str:
        parts: list[str] = []
        value = False  # what stands before is a value: a bracket opens an index, a point a field
        while self.next.kind != "end" and not (self.next.kind == "op" and self.next.text in "?:,)]}"):
            part, value = self._part(value)
            parts.append(part)
        if not parts:
            raise self.misplaced()
        return " ".join(parts)

    def _part(self, after_value: bool) -> tuple[str, bool]:
        """The next part, and whether it ends a value."""
        token = self.next
        if token.kind in ("number", "text", "name") and after_value and token.text not in _BETWEEN:
            raise self.misplaced()
        if token.kind == "number":
            return self._take().text, True
        if token.kind == "text":
            return repr(self._take().text), True
        return self._named(after_value) if token.kind == "name" else self._sign(after_value)

    def _named(self, after_value: bool) -> tuple[str, bool]:
        word = self.next.text
        if word == "not":
            self._take()
            test = self.next.text if after_value and self.next.kind == "name" else ""
            if test != "in" and test not in INFIX:
                return "~", False
            self._take()
            return "not in" if test == "in" else f"{INFIX[test]} not", False
        if word in WORDS or word in INFIX:
            self._take()
            return WORDS.get(word) or INFIX[word], word not in _BETWEEN
        following = self._tokens[self._at + 1]
        if following.kind == "op" and following.text == "(":
            return self._call(), True
        if word == "matches":
            raise self.misplaced()
        if word not in self._names:
            known = ", ".join(sorted(self._names)) or "none"
            raise ConditionError(f'there is no "{word}"; what has a name here: {known}')
        self._take()
        return word, True

    def _call(self) -> str:
        name = self.next.text
        if name not in self._functions:
            raise ConditionError(
                f'there is no function "{name}"; there are {", ".join(sorted(self._functions))}'
            )
        self._take()
        self._take()
        arguments = [] if self._is(")") else [self.whole()]
        if name in OVER_ITEMS and self._is(","):
            self._take()
            return self._over(OVER_ITEMS[name], arguments[0])
        if name in ("map", "filter"):
            raise self.misplaced(f", {name} needs a list and what to do with each of its items")
        while self._is(","):
            self._take()
            arguments.append(self.whole())
        self._expect(")")
        return f"{name}({', '.join(arguments)})"

    def _over(self, form: str, items: str) -> str:
        self._items += 1
        braces = self._is("{")
        if braces:
            self._take()
        test = self.whole()
        if braces:
            self._expect("}")
        self._expect(")")
        item = f"item{self._items}"
        self._items -= 1
        return form.format(test=test, item=item, items=f"listed({items})")

    def _sign(self, after_value: bool) -> tuple[str, bool]:
        op = self.next.text
        if op in (".", "?."):
            return self._field(after_value), True
        if op == "[":
            return self._brackets(after_value), True
        if op == "(" and not after_value:
            self._take()
            inner = self.whole()
            self._expect(")")
            return f"({inner})", True
        if op == "#" and self._items and not after_value:
            self._take()
            return f"item{self._items}", True
        if op not in OPERATORS:
            raise self.misplaced()
        self._take()
        return OPERATORS[op], False

    def _field(self, after_value: bool) -> str:
        """`.name`: of the value before it, or of the item that is being tested."""
        if not after_value and not self._items:
            raise self.misplaced()
        maybe = "maybe, " if self._take().text == "?." else ""
        if self.next.kind != "name":
            raise self.misplaced(", a field's name is expected")
        name = repr(self._take().text)
        return f"{'' if after_value else f'item{self._items}'}[{maybe}{name}]"

    def _brackets(self, after_value: bool) -> str:
        self._take()
        inner = [] if self._is("]") and not after_value else [self.whole()]
        while self._is(",") and not after_value:
            self._take()
            inner.append(self.whole())
        self._expect("]")
        return f"[{', '.join(inner)}]"


_BETWEEN = frozenset({"and", "or", "in", "not", *INFIX})
"""Words that stand between two values."""
