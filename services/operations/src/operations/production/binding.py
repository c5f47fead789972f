"""The door to the process profile of an operation: bind a version, and read which one holds."""

from fastapi import Request, Response

from operations.production import commands, queries
from operations.production.errors import Final
from operations.production.paths import OperationPath, OrderPath, operation_exists
from operations.production.profiling import IN_FORCE
from operations.profiles.model import STEPS
from plantkit.context import Context
from plantkit.errors import NotFound, UnknownReference
from plantkit.http.answers import written
from plantkit.http.policy import allow, guarded, keyed
from plantkit.http.problems import problems
from plantkit.http.route import Routes
from plantkit.run import Run
from takt_contracts.operations.production import Operation
from takt_contracts.operations.profiles import BoundTo, ProfileBody, ProfileInForce
from takt_contracts.roles import Role

router = Routes(tags=["operations"])
_AT = "/operations/{order_no}/{operation_no}/profile"


@router.post(_AT, response_model=Operation, responses=problems(NotFound, UnknownReference, Final) | written())
@allow(Role.PLANNER, Role.QUALITY)
@keyed
@guarded(operation_exists)
async def bind_profile(order_no: OrderPath, operation_no: OperationPath, body: ProfileBody, run: Run) -> Response:
    """Hold the operation to a final version of a process profile; with null, to that of its item.

    Each parameter of the profile is a step of the operation from now on. What was recorded keeps its mark.
    """
    command = commands.BindProfile(order_no=order_no, operation_no=operation_no, **dict(body))
    return await run.answer(commands.bind_profile, command, view=Operation)


@router.get(_AT, response_model=ProfileInForce, responses=problems(NotFound))
@allow(Role.VIEWER)
async def read_profile(request: Request, order_no: OrderPath, operation_no: OperationPath) -> ProfileInForce:
    """The version that holds for the operation: its own, or that of its item. 404 where neither has one."""
    context: Context = request.app.state.context
    operation_id = await queries.require(context.db, order_no=order_no, operation_no=operation_no)
    found = await context.db.fetch(IN_FORCE, id=operation_id)
    if not found:
        raise NotFound("process-profile", f"of {order_no}/{operation_no}")
    return ProfileInForce(
        profile=found[0]["record"],
        profile_version=found[0]["version"],
        bound_to=BoundTo.ITEM if found[0]["of_item"] else BoundTo.OPERATION,
        steps=STEPS.validate_json(found[0]["steps"]),
    )
