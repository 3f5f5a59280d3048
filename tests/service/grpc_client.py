"""The generated client, and its messages beside what HTTP says."""

import math

import grpc
from google.protobuf.json_format import MessageToDict

from meter_core.rpc import prediction_pb2 as pb
from meter_core.rpc.prediction_pb2_grpc import PredictionStub

NOT_GIVEN = {float: math.nan, int: -1, str: ""}
COLUMN_KINDS = {"reading_ts": str, "zone": str, "meter_id": str, "local_hour": int, "local_day_of_week": int}
COLUMN_KINDS |= dict.fromkeys(("is_weekend", "voltage_flag", "pf_issue", "high_temp"), int)


def client(address):
    """A stub on a channel of its own."""
    channel = grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
    return channel, PredictionStub(channel)


def message(reading):
    """A reading as HTTP has it, as a message; nulls are left out."""
    given = {name: value for name, value in reading.items() if value is not None}
    if "recent_kwh" in given:
        given["recent_kwh"] = [math.nan if value is None else value for value in given["recent_kwh"]]
    return pb.Reading(**given)


def columns(readings):
    """Readings as columns; what some readings give stands as not given with the others."""
    names = {name for reading in readings for name in reading}
    table = {}
    for name in sorted(names - {"recent_kwh"}):
        nothing = NOT_GIVEN[COLUMN_KINDS.get(name, float)]
        given = [nothing if (value := reading.get(name)) is None else value for reading in readings]
        table[name] = [int(value) if isinstance(value, bool) else value for value in given]
    if "recent_kwh" in names:
        table["recent_kwh"] = [pb.History(kwh=message(reading).recent_kwh) for reading in readings]
    return pb.ReadingColumns(**table)


def as_http(reply):
    """A prediction's message as HTTP answers it."""
    plain = {name: _plain(reply, name) for name in reply.DESCRIPTOR.fields_by_name if name != "warnings"}
    return plain | {"warnings": [MessageToDict(note, preserving_proto_field_name=True) for note in reply.warnings]}


def rows(table, version):
    """Columns of predictions as HTTP answers them one by one."""
    names = ("units_kwh", "low_kwh", "high_kwh", "status", "basis", "usual_low_kwh", "usual_high_kwh", "used_history")
    warned = {entry.row: entry.warnings for entry in table.warnings}
    answers = []
    for row in range(len(table.units_kwh)):
        answer = {name: _given(getattr(table, name)[row]) for name in names}
        meter = _given(table.meter_id[row]) if table.meter_id else None
        notes = [MessageToDict(note, preserving_proto_field_name=True) for note in warned.get(row, ())]
        answers.append(answer | {"model_version": version, "meter_id": meter, "warnings": notes})
    return answers


def without_paths(answers):
    """Answers whose warnings do not say where they stand: that depends on the layout."""
    return [answer | {"warnings": [{**note, "path": ""} for note in answer["warnings"]]} for answer in answers]


def _plain(reply, name):
    optional = reply.DESCRIPTOR.fields_by_name[name].has_presence
    return getattr(reply, name) if not optional or reply.HasField(name) else None


def _given(value):
    return None if value == "" or value != value else value
