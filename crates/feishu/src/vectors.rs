//! The known answers that several modules are tested with.

use serde_json::Value;

/// One known answer.
pub(crate) struct Row(pub(crate) Value);

/// The known answers of one kind; there always are some.
pub(crate) fn rows(kind: &str) -> Vec<Row> {
    let all: Value =
        serde_json::from_str(include_str!("../../../tests/data/vectors.json")).unwrap();
    let rows = all[kind].as_array().unwrap();
    assert!(!rows.is_empty());
    rows.iter().cloned().map(Row).collect()
}

impl Row {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap()
    }

    pub(crate) fn number(&self, field: &str) -> u64 {
        self.0[field].as_u64().unwrap()
    }
}
