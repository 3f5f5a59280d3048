from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Reading(_message.Message):
    __slots__ = ("voltage_v", "temperature_c", "power_factor", "load_kw", "frequency_hz", "reading_ts", "zone", "local_hour", "local_day_of_week", "meter_id", "interval_minutes", "recent_kwh", "is_weekend", "voltage_flag", "pf_issue", "high_temp", "load_intensity")
    VOLTAGE_V_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_C_FIELD_NUMBER: _ClassVar[int]
    POWER_FACTOR_FIELD_NUMBER: _ClassVar[int]
    LOAD_KW_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_HZ_FIELD_NUMBER: _ClassVar[int]
    READING_TS_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_HOUR_FIELD_NUMBER: _ClassVar[int]
    LOCAL_DAY_OF_WEEK_FIELD_NUMBER: _ClassVar[int]
    METER_ID_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MINUTES_FIELD_NUMBER: _ClassVar[int]
    RECENT_KWH_FIELD_NUMBER: _ClassVar[int]
    IS_WEEKEND_FIELD_NUMBER: _ClassVar[int]
    VOLTAGE_FLAG_FIELD_NUMBER: _ClassVar[int]
    PF_ISSUE_FIELD_NUMBER: _ClassVar[int]
    HIGH_TEMP_FIELD_NUMBER: _ClassVar[int]
    LOAD_INTENSITY_FIELD_NUMBER: _ClassVar[int]
    voltage_v: float
    temperature_c: float
    power_factor: float
    load_kw: float
    frequency_hz: float
    reading_ts: str
    zone: str
    local_hour: int
    local_day_of_week: int
    meter_id: str
    interval_minutes: int
    recent_kwh: _containers.RepeatedScalarFieldContainer[float]
    is_weekend: bool
    voltage_flag: bool
    pf_issue: bool
    high_temp: bool
    load_intensity: float
    def __init__(self, voltage_v: _Optional[float] = ..., temperature_c: _Optional[float] = ..., power_factor: _Optional[float] = ..., load_kw: _Optional[float] = ..., frequency_hz: _Optional[float] = ..., reading_ts: _Optional[str] = ..., zone: _Optional[str] = ..., local_hour: _Optional[int] = ..., local_day_of_week: _Optional[int] = ..., meter_id: _Optional[str] = ..., interval_minutes: _Optional[int] = ..., recent_kwh: _Optional[_Iterable[float]] = ..., is_weekend: _Optional[bool] = ..., voltage_flag: _Optional[bool] = ..., pf_issue: _Optional[bool] = ..., high_temp: _Optional[bool] = ..., load_intensity: _Optional[float] = ...) -> None: ...

class PredictionReply(_message.Message):
    __slots__ = ("units_kwh", "low_kwh", "high_kwh", "status", "basis", "usual_low_kwh", "usual_high_kwh", "used_history", "model_version", "meter_id", "warnings")
    UNITS_KWH_FIELD_NUMBER: _ClassVar[int]
    LOW_KWH_FIELD_NUMBER: _ClassVar[int]
    HIGH_KWH_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BASIS_FIELD_NUMBER: _ClassVar[int]
    USUAL_LOW_KWH_FIELD_NUMBER: _ClassVar[int]
    USUAL_HIGH_KWH_FIELD_NUMBER: _ClassVar[int]
    USED_HISTORY_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    METER_ID_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    units_kwh: float
    low_kwh: float
    high_kwh: float
    status: str
    basis: str
    usual_low_kwh: float
    usual_high_kwh: float
    used_history: bool
    model_version: str
    meter_id: str
    warnings: _containers.RepeatedCompositeFieldContainer[Note]
    def __init__(self, units_kwh: _Optional[float] = ..., low_kwh: _Optional[float] = ..., high_kwh: _Optional[float] = ..., status: _Optional[str] = ..., basis: _Optional[str] = ..., usual_low_kwh: _Optional[float] = ..., usual_high_kwh: _Optional[float] = ..., used_history: _Optional[bool] = ..., model_version: _Optional[str] = ..., meter_id: _Optional[str] = ..., warnings: _Optional[_Iterable[_Union[Note, _Mapping]]] = ...) -> None: ...

class PredictBatchRequest(_message.Message):
    __slots__ = ("readings", "columns")
    READINGS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    readings: Readings
    columns: ReadingColumns
    def __init__(self, readings: _Optional[_Union[Readings, _Mapping]] = ..., columns: _Optional[_Union[ReadingColumns, _Mapping]] = ...) -> None: ...

class Readings(_message.Message):
    __slots__ = ("readings",)
    READINGS_FIELD_NUMBER: _ClassVar[int]
    readings: _containers.RepeatedCompositeFieldContainer[Reading]
    def __init__(self, readings: _Optional[_Iterable[_Union[Reading, _Mapping]]] = ...) -> None: ...

class ReadingColumns(_message.Message):
    __slots__ = ("voltage_v", "temperature_c", "power_factor", "load_kw", "frequency_hz", "reading_ts", "zone", "local_hour", "local_day_of_week", "meter_id", "interval_minutes", "recent_kwh", "is_weekend", "voltage_flag", "pf_issue", "high_temp", "load_intensity")
    VOLTAGE_V_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_C_FIELD_NUMBER: _ClassVar[int]
    POWER_FACTOR_FIELD_NUMBER: _ClassVar[int]
    LOAD_KW_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_HZ_FIELD_NUMBER: _ClassVar[int]
    READING_TS_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_HOUR_FIELD_NUMBER: _ClassVar[int]
    LOCAL_DAY_OF_WEEK_FIELD_NUMBER: _ClassVar[int]
    METER_ID_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MINUTES_FIELD_NUMBER: _ClassVar[int]
    RECENT_KWH_FIELD_NUMBER: _ClassVar[int]
    IS_WEEKEND_FIELD_NUMBER: _ClassVar[int]
    VOLTAGE_FLAG_FIELD_NUMBER: _ClassVar[int]
    PF_ISSUE_FIELD_NUMBER: _ClassVar[int]
    HIGH_TEMP_FIELD_NUMBER: _ClassVar[int]
    LOAD_INTENSITY_FIELD_NUMBER: _ClassVar[int]
    voltage_v: _containers.RepeatedScalarFieldContainer[float]
    temperature_c: _containers.RepeatedScalarFieldContainer[float]
    power_factor: _containers.RepeatedScalarFieldContainer[float]
    load_kw: _containers.RepeatedScalarFieldContainer[float]
    frequency_hz: _containers.RepeatedScalarFieldContainer[float]
    reading_ts: _containers.RepeatedScalarFieldContainer[str]
    zone: _containers.RepeatedScalarFieldContainer[str]
    local_hour: _containers.RepeatedScalarFieldContainer[int]
    local_day_of_week: _containers.RepeatedScalarFieldContainer[int]
    meter_id: _containers.RepeatedScalarFieldContainer[str]
    interval_minutes: _containers.RepeatedScalarFieldContainer[int]
    recent_kwh: _containers.RepeatedCompositeFieldContainer[History]
    is_weekend: _containers.RepeatedScalarFieldContainer[int]
    voltage_flag: _containers.RepeatedScalarFieldContainer[int]
    pf_issue: _containers.RepeatedScalarFieldContainer[int]
    high_temp: _containers.RepeatedScalarFieldContainer[int]
    load_intensity: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, voltage_v: _Optional[_Iterable[float]] = ..., temperature_c: _Optional[_Iterable[float]] = ..., power_factor: _Optional[_Iterable[float]] = ..., load_kw: _Optional[_Iterable[float]] = ..., frequency_hz: _Optional[_Iterable[float]] = ..., reading_ts: _Optional[_Iterable[str]] = ..., zone: _Optional[_Iterable[str]] = ..., local_hour: _Optional[_Iterable[int]] = ..., local_day_of_week: _Optional[_Iterable[int]] = ..., meter_id: _Optional[_Iterable[str]] = ..., interval_minutes: _Optional[_Iterable[int]] = ..., recent_kwh: _Optional[_Iterable[_Union[History, _Mapping]]] = ..., is_weekend: _Optional[_Iterable[int]] = ..., voltage_flag: _Optional[_Iterable[int]] = ..., pf_issue: _Optional[_Iterable[int]] = ..., high_temp: _Optional[_Iterable[int]] = ..., load_intensity: _Optional[_Iterable[float]] = ...) -> None: ...

class History(_message.Message):
    __slots__ = ("kwh",)
    KWH_FIELD_NUMBER: _ClassVar[int]
    kwh: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, kwh: _Optional[_Iterable[float]] = ...) -> None: ...

class PredictBatchReply(_message.Message):
    __slots__ = ("predictions", "columns", "model_version")
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    predictions: Predictions
    columns: PredictionColumns
    model_version: str
    def __init__(self, predictions: _Optional[_Union[Predictions, _Mapping]] = ..., columns: _Optional[_Union[PredictionColumns, _Mapping]] = ..., model_version: _Optional[str] = ...) -> None: ...

class Predictions(_message.Message):
    __slots__ = ("predictions",)
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[PredictionReply]
    def __init__(self, predictions: _Optional[_Iterable[_Union[PredictionReply, _Mapping]]] = ...) -> None: ...

class PredictionColumns(_message.Message):
    __slots__ = ("units_kwh", "low_kwh", "high_kwh", "status", "basis", "usual_low_kwh", "usual_high_kwh", "used_history", "meter_id", "warnings")
    UNITS_KWH_FIELD_NUMBER: _ClassVar[int]
    LOW_KWH_FIELD_NUMBER: _ClassVar[int]
    HIGH_KWH_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BASIS_FIELD_NUMBER: _ClassVar[int]
    USUAL_LOW_KWH_FIELD_NUMBER: _ClassVar[int]
    USUAL_HIGH_KWH_FIELD_NUMBER: _ClassVar[int]
    USED_HISTORY_FIELD_NUMBER: _ClassVar[int]
    METER_ID_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    units_kwh: _containers.RepeatedScalarFieldContainer[float]
    low_kwh: _containers.RepeatedScalarFieldContainer[float]
    high_kwh: _containers.RepeatedScalarFieldContainer[float]
    status: _containers.RepeatedScalarFieldContainer[str]
    basis: _containers.RepeatedScalarFieldContainer[str]
    usual_low_kwh: _containers.RepeatedScalarFieldContainer[float]
    usual_high_kwh: _containers.RepeatedScalarFieldContainer[float]
    used_history: _containers.RepeatedScalarFieldContainer[bool]
    meter_id: _containers.RepeatedScalarFieldContainer[str]
    warnings: _containers.RepeatedCompositeFieldContainer[RowWarnings]
    def __init__(self, units_kwh: _Optional[_Iterable[float]] = ..., low_kwh: _Optional[_Iterable[float]] = ..., high_kwh: _Optional[_Iterable[float]] = ..., status: _Optional[_Iterable[str]] = ..., basis: _Optional[_Iterable[str]] = ..., usual_low_kwh: _Optional[_Iterable[float]] = ..., usual_high_kwh: _Optional[_Iterable[float]] = ..., used_history: _Optional[_Iterable[bool]] = ..., meter_id: _Optional[_Iterable[str]] = ..., warnings: _Optional[_Iterable[_Union[RowWarnings, _Mapping]]] = ...) -> None: ...

class RowWarnings(_message.Message):
    __slots__ = ("row", "warnings")
    ROW_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    row: int
    warnings: _containers.RepeatedCompositeFieldContainer[Note]
    def __init__(self, row: _Optional[int] = ..., warnings: _Optional[_Iterable[_Union[Note, _Mapping]]] = ...) -> None: ...

class PredictStreamRequest(_message.Message):
    __slots__ = ("id", "reading")
    ID_FIELD_NUMBER: _ClassVar[int]
    READING_FIELD_NUMBER: _ClassVar[int]
    id: int
    reading: Reading
    def __init__(self, id: _Optional[int] = ..., reading: _Optional[_Union[Reading, _Mapping]] = ...) -> None: ...

class PredictStreamReply(_message.Message):
    __slots__ = ("id", "prediction", "problem")
    ID_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    id: int
    prediction: PredictionReply
    problem: Problem
    def __init__(self, id: _Optional[int] = ..., prediction: _Optional[_Union[PredictionReply, _Mapping]] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class Note(_message.Message):
    __slots__ = ("path", "value", "message", "remedy")
    PATH_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    path: str
    value: _struct_pb2.Value
    message: str
    remedy: str
    def __init__(self, path: _Optional[str] = ..., value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., message: _Optional[str] = ..., remedy: _Optional[str] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("title", "status", "detail", "errors")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    title: str
    status: int
    detail: str
    errors: _containers.RepeatedCompositeFieldContainer[Note]
    def __init__(self, title: _Optional[str] = ..., status: _Optional[int] = ..., detail: _Optional[str] = ..., errors: _Optional[_Iterable[_Union[Note, _Mapping]]] = ...) -> None: ...
