// The five derived features, from thresholds the service sends (/page/rules.json): shown here, computed there.

export const DERIVED = ["load_intensity", "is_weekend", "voltage_flag", "pf_issue", "high_temp"];

/** Values of the derived features, null where what they derive from is not there. */
export function derive(reading, rules) {
  const from = (value, compute) => (value === null ? null : compute(value));
  return {
    is_weekend: from(reading.local_day_of_week, (day) => day >= rules.weekend_from),
    voltage_flag: from(reading.voltage_v, (v) => v < rules.voltage_low_v || v > rules.voltage_high_v),
    pf_issue: from(reading.power_factor, (pf) => pf < rules.pf_issue_below),
    high_temp: from(reading.temperature_c, (c) => c > rules.high_temp_above_c),
    load_intensity: from(reading.load_kw, (kw) => Math.min(100, Math.max(0, (100 * kw) / rules.full_load_kw))),
  };
}

/** How a derived value reads. */
export function shown(value) {
  if (value === null) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return value.toFixed(1);
}
