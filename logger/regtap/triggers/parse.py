"""From a trigger's expression to its comparisons.

expression  = alternative { "or" alternative }
alternative = condition { "and" condition }
condition   = "(" expression ")" | name [ "&" number ] ( "rises" | "falls" | "changes" | operator value )
operator    = "==" | "!=" | "<" | "<=" | ">" | ">="
value       = number | name of a value of the field | after "==" also: name of every other value of it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from regtap.errors import ExpressionError, InputError
from regtap.triggers.model import EDGES, MOST_COMPARISONS, Comparison, Joined, Trigger
from regtap.triggers.names import Bits, UnknownNameError, find_bits, find_value, readable_values
from regtap.triggers.tokens import Expression, Token, tokens
from regtap.units.parse import parse_integer, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regtap.registers.model import Register, Value
    from regtap.triggers.model import Condition, Operator

_OPERATORS: dict[str, Operator] = {
    "==": "equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "at_most",
    ">": "greater",
    ">=": "at_least",
}
_RESERVED = ("and", "or", *EDGES)
_MOST_NESTED = 100  # arbitrary: far below the recursion that Python allows
_AFTER_NAME = f"{', '.join(EDGES)}, or one of {' '.join(_OPERATORS)} with a value"


def parse_trigger(text: str, registers: Sequence[Register]) -> Trigger:
    """Return the trigger that an expression describes.

    Args:
        text: The expression.
        registers: The recorded registers, in the order of access; an expression knows no other names.

    Raises:
        ExpressionError: The text is no expression; the message names the column and the remedy.
    """
    return Trigger(text, _Parser(Expression(text), registers).parse())


def parse_condition(text: str, registers: Sequence[Register]) -> Condition:
    """Return the condition that an expression describes, to search a trace for.

    Args:
        text: The expression, as for a trigger.
        registers: The registers of the trace.

    Raises:
        ExpressionError: The text is no expression; the message names the column and the remedy.
    """
    return _Parser(Expression(text, "condition"), registers).parse()


class _Parser:
    """A recursive-descent parser with a method for each rule of the grammar."""

    def __init__(self, expression: Expression, registers: Sequence[Register]) -> None:
        self._source = expression
        self._registers = registers
        self._tokens = list(tokens(expression))
        self._at = 0
        self._comparisons = 0
        self._depth = 0

    def parse(self) -> Condition:
        condition = self._expression()
        if self._next.kind != "end":
            raise self._error(
                self._next, "a comparison ends before this; join the next one with `and` or `or`"
            )
        return condition

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += token.kind != "end"
        return token

    def _error(self, token: Token, problem: str) -> ExpressionError:
        return self._source.error(token.column, problem)

    def _expression(self) -> Condition:
        return self._joined("or", self._alternative)

    def _alternative(self) -> Condition:
        return self._joined("and", self._condition)

    def _joined(self, word: Literal["and", "or"], part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self._next.text == word:
            self._take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def _condition(self) -> Condition:
        return self._in_brackets() if self._next.text == "(" else self._comparison()

    def _in_brackets(self) -> Condition:
        opening = self._take()
        self._depth += 1
        if self._depth > _MOST_NESTED:
            raise self._error(opening, f"brackets are nested more than {_MOST_NESTED} deep; use fewer")
        condition = self._expression()
        if self._next.text != ")":
            raise self._error(self._next, f"the bracket of column {opening.column} is not closed; write )")
        self._take()
        self._depth -= 1
        return condition

    def _comparison(self) -> Condition:
        name = self._take()
        if name.kind != "name" or name.text in _RESERVED:
            raise self._error(name, "the name of a register or field is missing here")
        self._count(1, name)
        bits = self._masked(self._bits(name))
        verb = self._take()
        if verb.text in EDGES:
            return Comparison(bits.register, bits.mask, verb.text)
        operator = _OPERATORS.get(verb.text)
        if operator is None:
            raise self._error(verb, f"after {name.text} comes {_AFTER_NAME}")
        return self._compared(bits, operator, verb)

    def _count(self, comparisons: int, token: Token) -> None:
        self._comparisons += comparisons
        if self._comparisons > MOST_COMPARISONS:
            raise self._error(
                token, f"a {self._source.noun} has at most {MOST_COMPARISONS} comparisons; leave some out"
            )

    def _bits(self, name: Token) -> Bits:
        try:
            return find_bits(name.text, self._registers)
        except UnknownNameError as error:
            raise self._error(name, str(error)) from None

    def _masked(self, bits: Bits) -> Bits:
        if self._next.text != "&":
            return bits
        self._take()
        token = self._take()
        mask = self._number(token, "mask", bits)
        if not mask:
            raise self._error(token, "a mask of 0 leaves nothing to compare; name the bits that count")
        return Bits(bits.register, f"{bits.name} & {token.text}", bits.lsb, mask << bits.lsb, bits.field)

    def _number(self, token: Token, what: str, bits: Bits) -> int:
        if token.kind != "number":
            raise self._error(token, f"a {what} is a number here; write it in decimal or as 0x hexadecimal")
        try:
            number = parse_integer(token.text, what)
        except InputError as error:
            raise self._error(token, str(error)) from None
        if number > bits.largest:
            raise self._error(
                token, f"the {what} {token.text} does not fit {bits.name} (0 to {bits.largest:#x})"
            )
        return number

    def _compared(self, bits: Bits, operator: Operator, verb: Token) -> Condition:
        token = self._take()
        if token.kind == "name" and token.text not in _RESERVED:
            if bits.field is not None and token.text == bits.field.otherwise:
                return self._otherwise(bits, operator, token)
            return self._named(bits, operator, token)
        number = self._number(token, "value", bits)
        value = number << bits.lsb
        if value & ~bits.mask:
            raise self._error(token, f"{token.text} has bits outside of the mask: this can never be so")
        self._check_range(number, operator, bits, verb)
        return Comparison(bits.register, bits.mask, operator, value)

    def _otherwise(self, bits: Bits, operator: Operator, token: Token) -> Condition:
        """Return the condition that a field has none of its named values.

        Its opposite is refused: from one named value to another, a comparison of it would become true once more.
        """
        values = readable_values(bits)
        is_masked = bits.field is None or bits.mask != bits.field.mask
        if operator != "equal" or is_masked or not values:
            raise self._error(
                token,
                f"{quoted(token.text)} stands for every other value of a whole field; use ==, or write numbers",
            )
        self._count(len(values) - 1, token)  # one is counted already
        parts = dict.fromkeys(self._number_named(bits, "not_equal", value, token) for value in values)
        return next(iter(parts)) if len(parts) == 1 else Joined("and", tuple(parts))

    def _named(self, bits: Bits, operator: Operator, token: Token) -> Comparison:
        try:
            value = find_value(token.text, bits)
        except UnknownNameError as error:
            raise self._error(token, str(error)) from None
        return self._number_named(bits, operator, value, token)

    def _number_named(self, bits: Bits, operator: Operator, value: Value, token: Token) -> Comparison:
        mask = bits.mask & ~(value.any_bits << bits.lsb)
        if not mask or (value.value << bits.lsb) & ~mask:
            raise self._error(token, f"{quoted(token.text)} is a value of other bits than {bits.name}")
        if value.any_bits and operator not in ("equal", "not_equal"):
            raise self._error(token, f"{quoted(token.text)} stands for several numbers; use == or !=")
        return Comparison(bits.register, mask, operator, value.value << bits.lsb)

    def _check_range(self, number: int, operator: Operator, bits: Bits, verb: Token) -> None:
        """Raise ExpressionError for a comparison that never becomes true, as it always or never holds."""
        never = (operator == "less" and not number) or (operator == "greater" and number == bits.largest)
        always = (operator == "at_least" and not number) or (operator == "at_most" and number == bits.largest)
        if never or always:
            how = "never" if never else "always"
            raise self._error(
                verb, f"{bits.name} is 0 to {bits.largest:#x}: it is {how} {verb.text} {number}"
            )
