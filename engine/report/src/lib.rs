//! What happened and why: explanations, tables, charts, HTML
