//! A thresholds file as JSON Schema (draft 2020-12), for editors.
//!
//! A value with a unit is text to YAML, so its range cannot be a number in the schema: the pattern checks its form, the
//! description says the range, and `alula check` has the last word.

use alula_core::thresholds::{range_text, value_text};
use alula_dsl::graph::ThresholdDef;
use serde_json::{Map, Value, json};

pub(super) fn schema(strategy: &str, defs: &[ThresholdDef]) -> Value {
    let properties: Map<String, Value> = defs.iter().map(|d| (d.name.clone(), property(d))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("thresholds of {strategy}"),
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "strategy": { "const": strategy, "description": "The strategy that these values were chosen for." },
            "ack": {
                "type": "string", "pattern": "^[0-9a-f]{12,64}$",
                "description": "The version that a large change was chosen against, as `alula thresholds show` prints it.",
            },
            "thresholds": { "type": "object", "additionalProperties": false, "properties": properties },
        },
    })
}

fn property(def: &ThresholdDef) -> Value {
    let default = value_text(def.default, def.suffix);
    let range = range_text(def);
    let description = match def.doc.lines().next().map(str::trim).filter(|d| !d.is_empty()) {
        Some(doc) => format!("{doc} ({range}, default {default})"),
        None => format!("{range}, default {default}"),
    };
    if def.suffix.is_empty() {
        return json!({
            "type": "number", "minimum": def.min, "maximum": def.max, "default": def.default,
            "description": description,
        });
    }
    json!({
        "type": "string", "pattern": pattern(def.suffix), "default": default, "description": description,
        "examples": [value_text(def.min, def.suffix), default, value_text(def.max, def.suffix)],
    })
}

/// The form in which the reader takes a number with this unit (ECMA 262).
fn pattern(suffix: &str) -> String {
    let digits = r"[0-9][0-9_]*(\.[0-9][0-9_]*)?";
    match suffix {
        "$" => format!(r"^[-+]? *\${digits}$"),
        "lots" => format!("^[-+]? *{digits} *lots?$"),
        "days" => format!("^[-+]? *{digits} *days?$"),
        unit => format!("^[-+]? *{digits} *{unit}$"),
    }
}
