//! Resolve, type, lower, and say what is wrong
