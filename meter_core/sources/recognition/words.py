"""What columns are called: English, German and French, as meter exports have them."""

import re
from typing import Final

HINTS: Final[dict[str, str]] = {
    "meter_id": r"(?<!n_)meter|zaehl|zähl|compteur|customer|kunde|client|device_?id|nmi\b|mpan|mprn|ean\b|pod\b|"
    r"prm\b|pdl\b|serial|point|site|household|home_?id|building|messstelle|malo|melo|lclid|\bid\b",
    "date": r"^(date|day|datum|tag|jour)\b|_?(date|day|datum)$|(reading|interval)[ _]?date",
    "time": r"^(time|hour|uhrzeit|zeit|heure|clock)\b|_?(time|uhrzeit)$",
    "stamp": r"time|date|stamp|zeit|datum|_ts\b|^ts\b|^at$|^t$|start|end|begin|from|until|to\b|von|bis|horodate|read",
    "available_ts": r"received|delivered|created|loaded|imported|available|export(ed)?_?at|eingang",
    "start": r"start|begin|from\b|\bvon\b|beginn|debut|début",
    "end": r"\bend|_end|ende\b|until|\bto\b|\bbis\b|fin\b",
    "interval_minutes": r"interval|minutes|resolution|dauer|duration|step",
    "import": r"import|bezug|drawn|consum|verbrauch|soutir|withdraw|delivered_from_grid|1\.8\.|\bin\b",
    "export": r"export|einspeis|lieferung|feed|fed.?in|inject|generation|produc|2\.8\.|\bout\b",
    "net": r"\bnet(to)?\b|_net\b|saldo",
    "energy": r"kwh|mwh|\bwh\b|_wh\b|energy|energie|énergie|consum|verbrauch|usage|units|import|export|bezug|einspeis|"
    r"demand|value|wert|valeur|reading\b|register|stand\b|index|load\b|menge|amount",
    "register": r"register|stand\b|zählerstand|zaehlerstand|cumul|index|total|counter|meter_?reading|1\.8\.|2\.8\.",
    "voltage_v": r"volt|spannung|tension|_v$",
    "temperature_c": r"temp|°c|celsius",
    "power_factor": r"power.?factor|\bpf\b|_pf\b|cos",
    "load_kw": r"load|power|leistung|puissance|\bkw\b|_kw$|\[kw\]",
    "frequency_hz": r"freq|hz\b|hertz",
    "quality": r"qualit|status|flag|güte|guete|estimat|validity",
    "channel": r"channel|direction|flow|richtung|register_?type|obis",
    "device": r"device|serial|geräte|geraet|zählernummer",
    "source_version": r"version|revision",
}

ENERGY_UNITS: Final = {
    "kWh": r"kwh|kw[ _]?hours?",
    "MWh": r"mwh",
    "Wh": r"(?<![km])wh\b|watt.?hours?",
    "kW": r"(?<![a-z])kw\b|_kw\b|\[kw\]",
    "MW": r"(?<![a-z])mw\b|_mw\b|\[mw\]",
    "W": r"\[w\]|\(w\)|_w$|\bwatts?\b",
}
"""Unit of an energy -> how it stands in a column's name, the longer first."""

QUALITY_CODES: Final = {
    "measured": {"a", "m", "w", "actual", "measured", "ok", "r", "real", "wahr"},
    "validated": {"v", "validated", "verified"},
    "edited": {"c", "corrected", "edited", "k"},
    "estimated": {"e", "f", "s", "estimated", "est", "ersatz", "substituted", "forecast"},
}
"""Our quality -> codes that sources write for it, in small letters."""


def hints(name: str, what: str) -> bool:
    """Return whether a column's name sounds like this."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return bool(re.search(HINTS[what], spaced.lower()))


def unit_in(name: str) -> str | None:
    """Return the unit of energy or power in a column's name."""
    return next((unit for unit, pattern in ENERGY_UNITS.items() if re.search(pattern, name.lower())), None)
