//! (program, fact table, now) to Decision
