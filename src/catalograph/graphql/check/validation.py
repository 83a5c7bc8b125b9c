"""Validation in one pass, for documents that are clearly valid.

graphql-core's rules take 3.4 ms for a document that this pass checks in 10 µs. `Validator`
looks everything up in tables built once, and accepts a document only if graphql-core would
find no error. graphql-core then checks every other document, whether wrong or only unusual,
so errors have its messages and its order. A property test compares the two on random
documents. `docs/decisions/` says why this is worth a second implementation.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

import graphql
from graphql import (
    SKIP,
    ArgumentNode,
    ASTValidationRule,
    DirectiveLocation,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    MaxIntrospectionDepthRule,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    OverlappingFieldsCanBeMergedRule,
    SelectionSetNode,
    ValidationRule,
    VisitorAction,
    specified_rules,
)
from graphql.validation import ValidationContext

from catalograph.graphql.check.limits import SCHEMA_FIELDS
from catalograph.graphql.check.validation_tables import (
    Arguments,
    Composite,
    Field,
    Tables,
    Usage,
    write_type,
)
from catalograph.observability.logs import get_logger

MAX_NESTING = 60
"""Nesting of selection sets, and of fragments. Deeper documents are left to graphql-core."""

MAX_COMPARISONS = 20_000
"""Maximum work of graphql-core's rule that finds fields which cannot be merged.

graphql-core's own bound allows almost a second. A document that reaches this bound is
refused. Real documents within the limits stay far below it.
"""

MAX_ERRORS = 20
"""Most errors reported for one document."""

_FEW_ERRORS = 5
"""Most errors reported for a long document, of more than `_MANY_TOKENS`."""

_SHOWN = 200
"""Characters of an unexpected error that are logged."""

_MANY_TOKENS = 300


_FIELD_OF_A_LIST: Final = re.compile(
    r"Cannot query field '(?P<field>\w+)' on type '(?P<member>\w+)Connection'"
)

log = get_logger()


class _UnsureError(Exception):
    """The pass cannot tell that the document is valid; graphql-core must decide."""


class _BoundedMergingRule(OverlappingFieldsCanBeMergedRule):
    """graphql-core's rule for overlapping fields, with a smaller bound on its work."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = MAX_COMPARISONS


_TELLING_FIELDS = SCHEMA_FIELDS | {"_service"}


class _NoIntrospection(ValidationRule):
    """Refuses the root fields of introspection, under any alias."""

    def enter_field(self, node: FieldNode, *_: object) -> VisitorAction:
        """Report the field if it is one of introspection."""
        if node.name.value not in _TELLING_FIELDS:
            return None
        message = (
            f"the schema cannot be asked for here, so there is no {node.name.value}"
        )
        self.report_error(GraphQLError(message, node))
        return SKIP


_ABSENT_RULES: Final = ("Defer", "Stream")
"""Prefixes of rules for directives that this schema lacks; another rule refuses those."""

_RULES: Final = tuple(
    _BoundedMergingRule if rule is OverlappingFieldsCanBeMergedRule else rule
    for rule in specified_rules
    if not rule.__name__.startswith(_ABSENT_RULES)
)


class Validator:
    """Validates documents.

    Args:
        schema: Schema that documents are validated against; must be valid itself.
        introspection_enabled: Whether clients may query the schema. If not, errors suggest
            no names.
    """

    def __init__(
        self, schema: GraphQLSchema, *, introspection_enabled: bool = True
    ) -> None:
        graphql.assert_valid_schema(schema)
        self._schema = schema
        self._introspection_enabled = introspection_enabled
        self._rules = _RULES if introspection_enabled else (*_RULES, _NoIntrospection)
        self._tables = Tables(schema)

    def find_errors(self, ast: DocumentNode) -> Sequence[GraphQLError]:
        """Return graphql-core's errors, in its order; none for a valid document."""
        # One error may quote much of the document, so a long document gets fewer errors.
        tokens = getattr(ast, "token_count", 0)
        max_errors = MAX_ERRORS if tokens <= _MANY_TOKENS else _FEW_ERRORS
        errors = self._run_rules(ast, self._rules, max_errors=max_errors)
        for error in errors:
            if self._introspection_enabled:
                error.message += self._find_hint(error.message)
            else:
                # graphql-core has no switch for this kind of suggestion.
                error.message = error.message.partition(" Did you mean ")[0]
        return errors

    def _find_hint(self, message: str) -> str:
        """Build a hint for a field that was selected on a connection instead of its nodes.

        Returns:
            The hint; empty for any other error.
        """
        found = _FIELD_OF_A_LIST.match(message)
        if found is None:
            return ""
        members = self._schema.get_type(found["member"])
        if found["field"] not in getattr(members, "fields", {}):
            return ""
        return f" Ask for it below 'nodes', as '{{ nodes {{ {found['field']} }} }}'."

    def _run_rules(
        self,
        ast: DocumentNode,
        rules: Collection[type[ASTValidationRule]],
        *,
        max_errors: int,
    ) -> Sequence[GraphQLError]:
        """Run rules of graphql-core; if a rule raises, the document is refused.

        Clients can write documents that a rule does not expect.
        """
        try:
            return graphql.validate(
                self._schema,
                ast,
                rules,
                max_errors=max_errors,
                hide_suggestions=not self._introspection_enabled,
            )
        except GraphQLError as error:
            return [error]
        except Exception as error:  # noqa: BLE001 - no document may cause a 500
            log.warning("a validation rule failed", error=repr(error)[:_SHOWN])
            return [GraphQLError("the document could not be validated")]

    def is_surely_valid(self, ast: DocumentNode) -> bool:
        """Whether graphql-core would certainly find no error; False if in doubt."""
        try:
            one_pass = _Pass(self._tables, ast)
            one_pass.run()
        except _UnsureError:
            return False
        if one_pass.introspects and not self._introspection_enabled:
            return False
        # The pass cannot decide two questions. For these, graphql-core's rules run.
        rules: list[type[ASTValidationRule]] = []
        if one_pass.introspects:
            rules.append(MaxIntrospectionDepthRule)
        if one_pass.has_meetings:
            rules.append(_BoundedMergingRule)
        return not rules or not self._run_rules(ast, rules, max_errors=1)


class _Definition:
    """The variables and spreads of an operation or fragment, excluding spread fragments."""

    __slots__ = ("has_meetings", "spreads", "usages")

    def __init__(self) -> None:
        self.usages: list[Usage] = []
        self.spreads: list[str] = []
        # Whether two fields may share a response key; otherwise no fields are merged.
        self.has_meetings = False


class _Pass:
    """One pass over one document, which walks each definition once.

    Attributes:
        introspects: Whether the document contains introspection.
        has_meetings: Whether two fields of an operation may share a response key, so that
            they must be merged.
    """

    def __init__(self, tables: Tables, ast: DocumentNode) -> None:
        self._tables = tables
        self._operations: list[OperationDefinitionNode] = []
        self._fragments: dict[str, FragmentDefinitionNode] = {}
        self.introspects = False
        self.has_meetings = False
        self._walked = _Definition()
        for definition in ast.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._operations.append(definition)
            elif (
                isinstance(definition, FragmentDefinitionNode)
                and definition.name.value not in self._fragments
            ):
                self._fragments[definition.name.value] = definition
            else:
                raise _UnsureError

    def run(self) -> None:
        """Walk all definitions; returns normally only if the document is valid.

        Raises:
            _UnsureError: Something is wrong or unusual.
        """
        self._check_names()
        fragments = {
            name: self._walk_fragment(node) for name, node in self._fragments.items()
        }
        used: set[str] = set()
        for operation in self._operations:
            walked = self._walk_operation(operation)
            reached = _reach(walked, fragments)
            used |= reached
            parts = [walked, *[fragments[name] for name in reached]]
            self._check_variables(operation, parts)
            self.has_meetings |= any(part.has_meetings for part in parts)
        if len(used) != len(fragments):
            raise _UnsureError

    def _check_names(self) -> None:
        names = {
            operation.name and operation.name.value for operation in self._operations
        }
        count = len(self._operations)
        if not count or len(names) != count or (count > 1 and None in names):
            raise _UnsureError

    def _walk_operation(self, operation: OperationDefinitionNode) -> _Definition:
        if operation.operation is not OperationType.QUERY:
            raise _UnsureError
        self._walked = _Definition()
        if operation.directives:
            self._check_directives(operation.directives, DirectiveLocation.QUERY)
        self._walk(operation.selection_set, self._tables.query, 0)
        return self._walked

    def _walk_fragment(self, fragment: FragmentDefinitionNode) -> _Definition:
        parent = self._tables.composites.get(fragment.type_condition.name.value)
        if parent is None or fragment.variable_definitions:
            raise _UnsureError
        self._walked = _Definition()
        if fragment.directives:
            self._check_directives(
                fragment.directives, DirectiveLocation.FRAGMENT_DEFINITION
            )
        self._walk(fragment.selection_set, parent, 0)
        return self._walked

    def _walk(
        self, selection_set: SelectionSetNode, parent: Composite, depth: int
    ) -> None:
        if depth > MAX_NESTING or not selection_set.selections:
            raise _UnsureError
        keys: set[str] = set()
        plain = 0
        fields = parent.fields
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                field = fields.get(node.name.value)
                if field is None:
                    raise _UnsureError
                plain += 1
                keys.add((node.alias or node.name).value)
                self._walk_field(node, field, depth)
            else:
                self._walk_other(node, parent, depth)
        if len(keys) != plain or plain != len(selection_set.selections):
            self._walked.has_meetings = True

    def _walk_field(self, node: FieldNode, field: Field, depth: int) -> None:
        if node.arguments or field.required:
            self._check_arguments(node.arguments or (), field)
        if node.directives:
            self._check_directives(node.directives, DirectiveLocation.FIELD)
        if field.below is None:
            if node.selection_set is not None:
                raise _UnsureError
        elif node.selection_set is None:
            raise _UnsureError
        else:
            if field.introspects:
                self.introspects = True
            self._walk(node.selection_set, field.below, depth + 1)

    def _walk_other(self, node: object, parent: Composite, depth: int) -> None:
        """Walk an inline fragment, or record a spread."""
        if isinstance(node, InlineFragmentNode):
            within = parent
            if node.type_condition is not None:
                within = self._find_overlap(node.type_condition.name.value, parent)
            if node.directives:
                self._check_directives(
                    node.directives, DirectiveLocation.INLINE_FRAGMENT
                )
            self._walk(node.selection_set, within, depth + 1)
        elif isinstance(node, FragmentSpreadNode) and not node.arguments:
            name = node.name.value
            fragment = self._fragments.get(name)
            if fragment is None:
                raise _UnsureError
            self._find_overlap(fragment.type_condition.name.value, parent)
            if node.directives:
                self._check_directives(
                    node.directives, DirectiveLocation.FRAGMENT_SPREAD
                )
            self._walked.spreads.append(name)
        else:
            raise _UnsureError

    def _find_overlap(self, condition: str, parent: Composite) -> Composite:
        within = self._tables.composites.get(condition)
        if within is None or within.possible.isdisjoint(parent.possible):
            raise _UnsureError
        return within

    def _check_arguments(self, nodes: Sequence[ArgumentNode], known: Arguments) -> None:
        given = set()
        for node in nodes:
            name = node.name.value
            argument = known.arguments.get(name)
            if (
                argument is None
                or name in given
                or not argument.takes(node.value, self._walked.usages)
            ):
                raise _UnsureError
            given.add(name)
        if not known.required <= given:
            raise _UnsureError

    def _check_directives(
        self, nodes: Sequence[DirectiveNode], location: DirectiveLocation
    ) -> None:
        seen = set()
        for node in nodes:
            name = node.name.value
            directive = self._tables.directives.get(name)
            if directive is None or location not in directive.locations or name in seen:
                raise _UnsureError
            seen.add(name)
            self._check_arguments(node.arguments or (), directive)

    def _check_variables(
        self, operation: OperationDefinitionNode, parts: Sequence[_Definition]
    ) -> None:
        """Check that variables are defined, used, of input types, and accepted where used."""
        defined: dict[str, tuple[str, bool]] = {}
        for node in operation.variable_definitions or ():
            name = node.variable.name.value
            named, written = write_type(node.type)
            default = node.default_value
            if name in defined or node.directives or named not in self._tables.inputs:
                raise _UnsureError
            has_default = default is not None and not isinstance(default, NullValueNode)
            defined[name] = (written, has_default)
        used = set()
        for part in parts:
            for name, accepts in part.usages:
                definition = defined.get(name)
                if definition is None:
                    raise _UnsureError
                written, has_default = definition
                if written not in accepts and not (
                    has_default and f"{written}!" in accepts
                ):
                    raise _UnsureError
                used.add(name)
        if len(used) != len(defined):
            raise _UnsureError
        # Defaults come last, when every written type is known to be accepted somewhere. The
        # set of accepted types doubles with each level of a list type, so building it for
        # the hundreds of levels that a client can write would be expensive.
        for node in operation.variable_definitions or ():
            default = node.default_value
            if default is not None and not self._tables.build_input(node.type).takes(
                default, None
            ):
                raise _UnsureError


def _reach(start: _Definition, fragments: dict[str, _Definition]) -> set[str]:
    """Find the names of all fragments that a definition spreads, directly or indirectly.

    Raises:
        _UnsureError: Fragments form a cycle, or nest unusually deep.
    """
    done: set[str] = set()
    open_: dict[str, None] = {}
    path = [iter(start.spreads)]
    while path:
        name = next(path[-1], None)
        if name is None:
            path.pop()
            if open_:
                done.add(open_.popitem()[0])
        elif name in open_ or len(path) > MAX_NESTING:
            raise _UnsureError
        elif name not in done:
            open_[name] = None
            path.append(iter(fragments[name].spreads))
    return done
