# ruff: noqa: PLR0912 - a table of controls
"""Steering a simulator from another process: ``/_control/…`` on the API's own port.

Belongs here: reading log and counters, adding rules, changing settings.
Does not belong here: what rules do.
"""

from typing import Any

from luxvid_pipeline_tests.simulators.wire import Reply, Request


def control(simulator: Any, request: Request) -> Reply:
    """Answer one control request; see the README for the list."""
    what, body = request.path.rpartition("/_control/")[2], request.json
    match request.method, what:
        case "GET", "log":
            return Reply(200, simulator.log.entries(**request.query), compress=True)
        case "DELETE", "log":
            simulator.log.clear()
        case "GET", "counters":
            return Reply(200, simulator.counters())
        case "POST", "script":
            simulator.script.add_json(body)
        case "DELETE", "script":
            simulator.script.clear()
        case "POST", "settings":
            for name, value in body.items():
                if name not in {"speed", "out_of_credit", "era", "extra_input_keys", "interpolation_needs_8_s"}:
                    return Reply(400, {"detail": f"no setting called {name}"})
                setattr(simulator, name, value)
        case "POST", "low_credit":
            simulator.low_credit(**(body or {}))
        case "POST", "normal_credit":
            simulator.normal_credit()
        case "POST", "schema":
            simulator.change_schema(**body)
        case "POST", "age":
            simulator.age(**body)
        case _:
            return Reply(404, {"detail": f"no control called {request.method} {what}"})
    return Reply(200, {"ok": True})
