"""What research on stream processing forbids must not come back by a well-meant change.

Each check reads the room's source or the built options.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cior_streams
from cior_bus.settings import BusSettings, Profile
from cior_streams.settings import Role, StreamSettings, faust_options

ROOM = Path(cior_streams.__file__).parent
SOURCES = {path.name: ast.parse(path.read_text()) for path in ROOM.glob("*.py")}
FORBIDDEN = {
    "take",
    "noack",
    "noack_take",
    "tumbling",
    "hopping",
    "sliding",
    "GlobalTable",
    "SetTable",
    "group_by",
    "through",
    "forward",
}


def calls(name: str) -> list[tuple[str, ast.Call]]:
    def called(node: ast.Call) -> str:
        return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")

    return [
        (file, node)
        for file, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node) == name
    ]


def keywords(call: ast.Call) -> dict[str, object]:
    return {
        keyword.arg: ast.literal_eval(keyword.value)
        for keyword in call.keywords
        if keyword.arg and isinstance(keyword.value, ast.Constant)
    }


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_law_3_what_loses_events_is_not_used(name: str) -> None:
    assert calls(name) == []


def test_law_3_every_agent_has_concurrency_one_and_its_whole_body_is_the_guard() -> None:
    [(file, agent)] = calls("agent")
    assert file == "app.py", "one factory makes every agent"
    assert keywords(agent)["concurrency"] == 1
    [factory] = [
        node
        for node in ast.walk(SOURCES["app.py"])
        if isinstance(node, ast.FunctionDef) and node.name == "add_agent"
    ]
    [body] = [node for node in factory.body if isinstance(node, ast.AsyncFunctionDef)]
    [loop] = body.body
    assert isinstance(loop, ast.AsyncFor)
    assert ast.unparse(loop.iter) == "stream.events()"
    [only] = loop.body
    assert ast.unparse(only).startswith("await guard.run(_record(event.message), handle")


def test_law_3_topics_and_tables_carry_raw_bytes() -> None:
    [(_, topic)] = calls("topic")
    assert keywords(topic) | {"key_serializer": "raw", "value_serializer": "raw"} == keywords(topic)
    for _, call in [*calls("topic"), *calls("Table")]:
        types = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert (types["key_type"], types["value_type"]) == ("bytes", "bytes")


def test_law_3_only_the_guard_catches_everything() -> None:
    """A second net would hide what the guard must count."""
    broad = {
        file
        for file, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
    }
    assert broad == {"guard.py"}


def test_law_3_the_handler_against_skipped_events_is_connected() -> None:
    assert "_suspend_until_sought(app)" in ast.unparse(SOURCES["app.py"])
    [handler] = [
        node
        for node in ast.walk(SOURCES["app.py"])
        if isinstance(node, ast.FunctionDef) and node.name == "_suspend_until_sought"
    ]
    text = ast.unparse(handler)
    for needed in (
        "app.flow_control.suspend()",
        "app.consumer.stop_flow()",
        "app.on_rebalance_complete.connect(hold, weak=False)",
    ):
        assert needed in text


def test_law_4_exactly_once_is_nowhere_claimed() -> None:
    for path in ROOM.glob("*.py"):
        assert "exactly_once" not in path.read_text(), path.name


def options(
    profile: Profile, *, workers: int = 1, worker: str = "1", role: Role = Role.URGENT
) -> dict[str, object]:
    bus = BusSettings(bootstrap="broker:9092", profile=profile)
    return faust_options(
        StreamSettings(bus=bus, role=role, state_dir=Path("state"), worker=worker, workers=workers)
    )


@pytest.mark.parametrize("profile", list(Profile))
def test_the_measured_options_common_to_both_brokers(profile: Profile) -> None:
    wanted = {
        "broker_commit_interval": 0.5,
        "broker_commit_every": 1_000,
        "stream_buffer_maxsize": 4_096,
        "stream_wait_empty": True,
        "topic_disable_leader": True,
        "consumer_auto_offset_reset": "earliest",
        "producer_acks": -1,
        "processing_guarantee": "at_least_once",
        "web_enabled": False,
        "web_bind": "127.0.0.1",
        "web_tables_enabled": False,
        "cython_optimizations": False,
    }
    have = options(profile)
    assert {name: have[name] for name in wanted} == wanted


def test_the_tansu_profile_waits_for_no_batch_to_fill_and_trusts_no_end_offset() -> None:
    have = options(Profile.TANSU)
    assert have["producer_linger"] == 0.0
    assert have["recovery_consistency_check"] is False
    assert have["broker_session_timeout"] == 2.0
    # Settings of many types.
    assert have["broker_request_timeout"] >= have["broker_session_timeout"]  # type: ignore[operator]


def test_the_kafka_profile() -> None:
    have = options(Profile.KAFKA)
    assert (
        have["broker_session_timeout"],
        have["broker_heartbeat_interval"],
        have["broker_rebalance_timeout"],
    ) == (30.0, 3.0, 60.0)
    assert have["store"] == "rocksdb://?driver=rocksdict"
    assert have["recovery_consistency_check"] is True


def test_no_two_workers_or_roles_share_a_state_folder() -> None:
    folders = {
        str(options(Profile.KAFKA, worker=worker, role=role)["datadir"]) for worker in "12" for role in Role
    }
    assert len(folders) == 4
    assert [options(Profile.KAFKA, workers=n)["table_standby_replicas"] for n in (1, 2)] == [0, 1]
