"""Formulas over the tags of one cell, as a product template declares them: arithmetic, log, integrals and means.

Written like `V - integral(Fs + Fb) + integral(discharge)`. Nothing but these operations can be expressed, so a
template is data and never code that runs.
"""

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from analytics.exact import exp, log

LONGEST = 500  # characters
FUNCTIONS = {"log": 1, "exp": 1, "min": 2, "max": 2, "integral": 1, "mean": 2}
ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right if right else math.nan,
}


class FormulaInvalid(ValueError):
    """A formula cannot be used: the message names the formula and the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A checked formula.

    `log(x)` is NaN where x is not positive; `integral(x)` sums x over hours of process time since the start of the
    batch, is NaN while x is and then goes on where it was; `mean(x, h)` is the mean of x over the last h hours.

    >>> sorted(Formula.parse("V - integral(Fs + 2 * Fb)").tags)
    ['Fb', 'Fs', 'V']
    >>> Formula.parse("__import__('os')")
    Traceback (most recent call last):
    ...
    analytics.formula.FormulaInvalid: __import__('os'): 'os' is not a number
    """

    text: str
    tags: frozenset[str]
    tree: ast.expr = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The formula of a text. Raises FormulaInvalid."""
        if len(text) > LONGEST:
            raise FormulaInvalid(f"{text[:40]}…: longer than {LONGEST} characters")
        try:
            tree = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise FormulaInvalid(f"{text}: {error}") from error
        tags: set[str] = set()
        _check(tree, text, tags)
        return cls(text=text, tags=frozenset(tags), tree=tree)


class Course:
    """A formula on its way through one batch, a cell at a time."""

    def __init__(self, formula: Formula, width_h: float) -> None:
        """`width_h` is the width of a cell in hours."""
        self._width_h = width_h
        self._sums: list[float] = []  # of integrals, in order of the text
        self._tails: list[list[float]] = []  # of means, the newest last
        self._value = self._compiled(formula.tree)

    def update(self, tags: Mapping[str, float]) -> float:
        """The formula's value after a cell; NaN where a tag it needs is unknown."""
        return self._value(tags)

    def state(self) -> dict[str, Any]:
        """JSON fields; NaN is written as None."""
        return {"sums": self._sums, "tails": [[None if math.isnan(x) else x for x in tail] for tail in self._tails]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the state those fields describe."""
        self._sums[:] = state["sums"]
        for tail, stored in zip(self._tails, state["tails"], strict=True):
            tail[:] = [math.nan if x is None else x for x in stored]

    def _compiled(self, node: ast.expr) -> Callable[[Mapping[str, float]], float]:
        match node:
            case ast.Constant(value=number):
                constant = _number(number)
                return lambda _: constant
            case ast.Name(id=name):
                return lambda tags: tags[name]
            case ast.UnaryOp(operand=operand):
                negated = self._compiled(operand)
                return lambda tags: -negated(tags)
            case ast.BinOp(left=left, op=op, right=right):
                first, second, combine = self._compiled(left), self._compiled(right), ARITHMETIC[type(op)]
                return lambda tags: combine(first(tags), second(tags))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._function(name, arguments)
        raise AssertionError(node)

    def _function(self, name: str, arguments: list[ast.expr]) -> Callable[[Mapping[str, float]], float]:
        inner = self._compiled(arguments[0])
        if name == "log":
            return lambda tags: log(inner(tags))
        if name == "exp":
            return lambda tags: exp(inner(tags))
        if name == "integral":
            return self._integral(inner)
        if name == "mean":
            assert isinstance(arguments[1], ast.Constant)
            return self._mean(inner, max(1, round(_number(arguments[1].value) / self._width_h)))
        other = self._compiled(arguments[1])
        smaller = name == "min"
        return lambda tags: _smaller(inner(tags), other(tags)) if smaller else -_smaller(-inner(tags), -other(tags))

    def _integral(self, inner: Callable[[Mapping[str, float]], float]) -> Callable[[Mapping[str, float]], float]:
        place = len(self._sums)
        self._sums.append(0.0)

        def value(tags: Mapping[str, float]) -> float:
            rate = inner(tags)
            if math.isnan(rate):
                return math.nan
            self._sums[place] += rate * self._width_h
            return self._sums[place]

        return value

    def _mean(
        self, inner: Callable[[Mapping[str, float]], float], cells: int
    ) -> Callable[[Mapping[str, float]], float]:
        tail: list[float] = []
        self._tails.append(tail)

        def value(tags: Mapping[str, float]) -> float:
            tail.append(inner(tags))
            del tail[:-cells]
            known = [x for x in tail if not math.isnan(x)]
            return sum(known) / len(known) if known else math.nan

        return value


def _number(value: object) -> float:
    """A constant that passed the check."""
    assert isinstance(value, int | float)
    return float(value)


def _smaller(first: float, second: float) -> float:
    return math.nan if math.isnan(first) or math.isnan(second) else min(first, second)


def _check(node: ast.expr, text: str, tags: set[str]) -> None:
    match node:
        case ast.Constant(value=number):
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise FormulaInvalid(f"{text}: {number!r} is not a number")
        case ast.Name(id=name):
            tags.add(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            _check(operand, text, tags)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            _check(left, text, tags)
            _check(right, text, tags)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            _check_call(name, arguments, text, tags)
        case _:
            raise FormulaInvalid(f"{text}: {ast.unparse(node)} is not arithmetic of tags")


def _check_call(name: str, arguments: list[ast.expr], text: str, tags: set[str]) -> None:
    for argument in arguments:
        _check(argument, text, tags)
    if name not in FUNCTIONS:
        raise FormulaInvalid(f"{text}: there is no function {name}, only {', '.join(sorted(FUNCTIONS))}")
    if len(arguments) != FUNCTIONS[name]:
        raise FormulaInvalid(f"{text}: {name} takes {FUNCTIONS[name]}, not {len(arguments)}")
    if name == "mean":
        hours = arguments[1]
        if not (isinstance(hours, ast.Constant) and isinstance(hours.value, int | float) and hours.value > 0):
            raise FormulaInvalid(f"{text}: mean needs a positive number of hours, not {ast.unparse(hours)}")
